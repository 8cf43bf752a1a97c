#include "cli/commands.h"
#include "cli/data.h"
#include "cli/model_onnx.h"

static const struct cli_option export_options[] = {
    {"out", "FILE", "the ONNX file", .required = true},
    {"detector", "NAME",
     "of the model's detectors, its name or number (default: the only one that "
     "has an ONNX form)"},
    {"false-alarms-per-day", "N", "budget of the threshold in the metadata (default: the model's)",
     NULL, CLI_NUMBER, 0.001, 10000},
    {0}};

const struct cli_command command_model_export_onnx = {
    .name = "model export-onnx",
    .summary = "write a detector as an ONNX graph, scaler and score included",
    .arguments = "MODEL",
    .description =
        "Of an autoencoder, pca or knn. The input \"rows\" is [N, window * channels], rows of raw "
        "values with the oldest first; the outputs are \"reconstruction\" (not of knn) and "
        "\"score\". The metadata has name, version, SHA-256, channels and threshold.",
    .least = 1,
    .most = 1,
    .options = {export_options},
    .run = model_onnx_export,
};

static const struct cli_option import_options[] = {
    {"normal", "FILE",
     "recording of the healthy robot, which sets the threshold; one file is one "
     "session",
     .required = true, .repeatable = true},
    {"out", "FILE", "the model, NAME.safetensors", .required = true},
    {"scaler", "SCALER",
     "how the network's input was scaled: a JSON file with \"kind\", \"offset\", \"scale\" and "
     "\"clip\"; standard, minmax, robust or maxabs: fitted on --normal; none: raw values"},
    {"layout", "rows|channels",
     "how a window became the network's input: row by row, all channels of the oldest row first, "
     "or channel by channel",
     NULL, CLI_CHOICE},
    {"window", "ROWS", "rows in a window, where the file does not say", NULL, CLI_INTEGER, 1, 512},
    {"spacing", "ROWS", "from one row of a window to the next", "1", CLI_INTEGER, 1, 64},
    {"score", "mse|smooth-l1", "the error that is the score", "mse", CLI_CHOICE},
    {"ignore", "NAME",
     "a channel of the recordings that the network does not take; \"*\" at an end",
     .repeatable = true},
    {"name", "NAME", "of the model (default: the file's)", NULL, CLI_NAME},
    {"version-number", "N", "of the model", "1", CLI_INTEGER, 1, 1e9},
    {"rate-hz", "HZ", "samples per second (default: from the recording's times, else 10)", NULL,
     CLI_NUMBER, 0.001, 10000},
    {"false-alarms-per-day", "N", "target for the threshold", "1", CLI_NUMBER, 0.001, 10000},
    {"simulated", NULL, "mark the model as made from simulated data"},
    {0}};

const struct cli_command command_model_import_onnx = {
    .name = "model import-onnx",
    .summary = "make a model of an autoencoder that PyTorch or Keras has trained, and calibrate it",
    .arguments = "FILE",
    .description =
        "The network must be one chain of dense layers. The recordings' channels must be those of "
        "the network, in its order. What the file does not say has to be given.",
    .least = 1,
    .most = 1,
    .options = {import_options, data_options},
    .run = model_onnx_import,
};
