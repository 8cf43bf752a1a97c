/*
 * autoencoder: the detector of the paper: the reconstruction error of a window.
 *
 * Rows are scaled, a window is flattened to [window * channels], passed through encoder and
 * decoder, and its score is the mean over all elements of the squared or Smooth-L1 error in scaled
 * units. BatchNorm is folded into the dense layers at load, dropout falls away, so inference is a
 * stack of dense layers. Source: the paper, III-C (both autoencoders) and IV; Smooth-L1 as in
 * PyTorch (beta).
 *
 * Two more kinds are networks of dense layers that nobody trains: pca gives back what the principal
 * components of windows hold, mahalanobis leaves over the distance from the mean in units of the
 * covariance.
 */
#ifndef ARMWATCH_MODEL_AUTOENCODER_H
#define ARMWATCH_MODEL_AUTOENCODER_H

#include "model/detector.h"

extern const struct detector_kind autoencoder_kind, pca_kind, mahalanobis_kind;

#endif
