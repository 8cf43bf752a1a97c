/*
 * knn: how far a window is from the nearest windows of healthy movement.
 *
 * For samples that do not name the program step, where `analog` cannot be used. The model keeps
 * reference windows of features, each in units of its usual residual: what is left of it by the
 * nearest window in a healthy session. The score is the mean over the `neighbours` nearest of the
 * root-mean-square difference: about 1 for healthy movement. The mean of those neighbours is what
 * was expected.
 * Source: k-nearest-neighbour novelty detection; the references are chosen as in PatchCore (Roth et
 * al. 2022).
 */
#ifndef ARMWATCH_MODEL_KNN_H
#define ARMWATCH_MODEL_KNN_H

#include "model/detector.h"
#include "model/nearest.h"

#define KNN_NEIGHBOURS_MAX NEAREST_NEIGHBOURS_MAX

extern const struct detector_kind knn_kind;

#endif
