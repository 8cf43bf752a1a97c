/*
 * autoencoder: the detector of the paper: the reconstruction error of a window.
 *
 * Rows are scaled, a window is flattened to [window * channels], passed through encoder and
 * decoder, and its score is the mean over all elements of the squared or Smooth-L1 error in scaled
 * units. BatchNorm is folded into the dense layers at load, dropout falls away, so inference is a
 * stack of dense layers. Source: the paper, III-C (both autoencoders) and IV; Smooth-L1 as in
 * PyTorch (beta).
 *
 * pca is a network that nobody trains: it gives back what the principal components of windows hold.
 */
#ifndef ARMWATCH_MODEL_AUTOENCODER_H
#define ARMWATCH_MODEL_AUTOENCODER_H

#include "model/detector.h"

extern const struct detector_kind autoencoder_kind, pca_kind;

#endif
