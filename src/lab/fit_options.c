/* What belongs together: scaler, output and losses, by recipe. */
#include "lab/fit.h"

#include <math.h>

#define MINMAX_TAIL 0.001 /* two spikes of a gyro would otherwise rule the range */

struct fit_options fit_defaults(enum adversary_kind adversary)
{
    static const char *const paper_only[] = {"autoencoder", NULL};
    struct fit_options options = {
        .detectors = paper_only,
        .name = "model",
        .version = 1,
        .period_s = 0.1,
        .architecture = {.kind = ARCHITECTURE_DEEP},
        .window = 5,
        .spacing = 1,
        .pca_variance = 0.95,
        .analog_bytes_max = 4000000,
        .analog_neighbours = 12,
        .knn_bytes_max = 8000000,
        .knn_neighbours = 1,
        .filter = ALERT_FILTER_DEFAULT,
        .false_alarms_per_day = 1,
        .train = train_defaults(adversary),
    };
    fit_use_scaler(&options, adversary == ADVERSARY_PAPER ? SCALER_MINMAX : SCALER_STANDARD);
    return options;
}

struct scaler_options fit_scaler_options(const struct fit_options *options, enum scaler_kind scaler)
{
    bool paper = options->train.adversary.kind == ADVERSARY_PAPER;
    bool unit = scaler_kind_unit(scaler);
    return (struct scaler_options){
        .kind = scaler,
        .tail = unit && !paper ? MINMAX_TAIL : 0,
        .clip = !unit   ? 5
                : paper ? (double)INFINITY
                        : 0.5,
    };
}

void fit_use_scaler(struct fit_options *options, enum scaler_kind scaler)
{
    options->scaler = fit_scaler_options(options, scaler);
    options->architecture.sigmoid = scaler_kind_unit(scaler);
}
