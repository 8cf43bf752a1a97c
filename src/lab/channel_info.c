#include "lab/channel_info.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define POWER_METER "machine_nameKuka Robot_"

/* The KukaVelocityDataset's names end in these; longer endings stand before those they end in. */
static const struct {
    const char *ending, *unit;
} units[] = {
    {"_apparent_power", "VA"},
    {"_reactive_power", "var"},
    {"_power_factor", ""},
    {"_power", "W"},
    {"_current", "A"},
    {"_voltage", "V"},
    {"_frequency", "Hz"},
    {"_phase_angle", "deg"},
    {"_AccX", "g"},
    {"_AccY", "g"},
    {"_AccZ", "g"},
    {"_GyroX", "deg/s"},
    {"_GyroY", "deg/s"},
    {"_GyroZ", "deg/s"},
};

const char *channel_unit(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t ending = strlen(units[i].ending);
        if (length >= ending && !strcmp(name + length - ending, units[i].ending))
            return units[i].unit;
    }
    return "";
}

void channel_group(const char *name, char *ret_group, size_t size)
{
    const char *last = strrchr(name, '_');
    unsigned joint;
    int end = 0;
    if (!strncmp(name, POWER_METER, strlen(POWER_METER)))
        snprintf(ret_group, size, "electrical");
    else if (last && sscanf(last, "_J%u%n", &joint, &end) == 1 && last[end] == '\0')
        snprintf(ret_group, size, "joint%u", joint);
    else if (last && last > name && isdigit((unsigned char)last[-1]))
        snprintf(ret_group, size, "%.*s", (int)(last - name), name);
    else
        snprintf(ret_group, size, "%s", name);
}

/* The KukaVelocityDataset has an inertial sensor on each link. */
bool channel_group_label(const char *group, char *ret_label, size_t size)
{
    unsigned number;
    int end = 0;
    if (sscanf(group, "sensor_id%u%n", &number, &end) == 1 && group[end] == '\0')
        snprintf(ret_label, size, "link %u", number);
    else if (sscanf(group, "joint%u%n", &number, &end) == 1 && group[end] == '\0')
        snprintf(ret_label, size, "joint %u", number);
    else
        return false;
    return true;
}
