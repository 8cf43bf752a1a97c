/*
 * channel_info: units and groups of channels, guessed from their names.
 *
 * A group is the part of the machine that a person would go to: an inertial sensor on a link, a
 * joint, the supply.
 */
#ifndef ARMWATCH_LAB_CHANNEL_INFO_H
#define ARMWATCH_LAB_CHANNEL_INFO_H

#include <stdbool.h>
#include <stddef.h>

/* "" where the name says nothing. */
const char *channel_unit(const char *name);
/* Copies the group of a channel; the name itself where it says nothing. */
void channel_group(const char *name, char *ret_group, size_t size);
/* What a person calls a group: "link 4" for "sensor_id4". Returns false where it is the name. */
bool channel_group_label(const char *group, char *ret_label, size_t size);

#endif
