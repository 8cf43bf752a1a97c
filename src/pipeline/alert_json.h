/*
 * alert_json: the parts of an alert that say what deviates, as JSON and as a sentence: the same in
 * the daemon's messages and in what is told of a recording.
 *
 * Thread: any. Functions that add to an object leave out what there was no memory for, as cJSON
 * does.
 */
#ifndef ARMWATCH_PIPELINE_ALERT_JSON_H
#define ARMWATCH_PIPELINE_ALERT_JSON_H

#include "base/json.h"
#include "pipeline/alert.h"
#include "pipeline/sensor_fault.h"

#include <stddef.h>

/* Six significant digits; null if it is not finite. */
void alert_json_number(cJSON *object, const char *key, double value);

/* "detectors": those that fired in an episode, most exceeded first, with their highest score. */
void alert_json_fired(cJSON *object, const struct model *model, const struct alert *alert);

/* "step": the program step of the window that an episode's deviations are of; null: not known. */
void alert_json_step(cJSON *object, const struct alert_episode *episode);
/* "channels" and "groups". */
void alert_json_attribution(cJSON *object, const struct model *model,
                            const struct attribution *attribution);
/* The same of channels that stand still: what they should read is not known. */
void alert_json_fault(cJSON *object, const struct model *model, const struct sensor_fault *fault);

/* One sentence about an episode that is raised or goes on; empty if there is nothing to say: the
 * model that explained its windows is gone. */
#define ALERT_TEXT_MAX 512 /* at least FINDING_TEXT_MAX */
void alert_text(const struct model *model, const struct alert *alert,
                char ret_text[ALERT_TEXT_MAX]);
/* "link 4 stands still while the arm moves (11 channels flat for 3.2 s)", or that it varies again.
 */
void alert_text_fault(const struct model *model, const struct sensor_fault *fault, bool cleared,
                      char ret_text[ALERT_TEXT_MAX]);

#endif
