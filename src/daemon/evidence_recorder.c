#include "daemon/evidence_recorder.h"

#include "model/model.h"

#include <stdlib.h>

void evidence_capture_free(struct evidence_capture *capture)
{
    if (!capture)
        return;
    free(capture->alert);
    free(capture->cleared);
    free(capture->verdict);
    free(capture);
}

void evidence_recorder_deinit(struct evidence_recorder *recorder)
{
    for (int kind = 0; kind < ALERT_KINDS; kind++)
        evidence_capture_free(recorder->capture[kind]);
    evidence_ring_free(recorder->ring);
    model_unref(recorder->model);
    *recorder = (struct evidence_recorder){0};
}
