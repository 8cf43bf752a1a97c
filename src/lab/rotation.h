/*
 * rotation: vectors of three and rotation matrices, row-major, as the arm model and its sensors
 * need them. A matrix named a_from_b takes coordinates in frame b to frame a.
 */
#ifndef ARMWATCH_LAB_ROTATION_H
#define ARMWATCH_LAB_ROTATION_H

#include <math.h>

#define DEGREE (3.14159265358979323846 / 180)

struct vec3 {
    double x, y, z;
};

struct rotation {
    double m[3][3];
};

static inline struct vec3 vec3_add(struct vec3 a, struct vec3 b)
{
    return (struct vec3){a.x + b.x, a.y + b.y, a.z + b.z};
}

static inline struct vec3 vec3_scale(struct vec3 a, double s)
{
    return (struct vec3){a.x * s, a.y * s, a.z * s};
}

static inline double vec3_dot(struct vec3 a, struct vec3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline double vec3_length(struct vec3 a)
{
    return sqrt(vec3_dot(a, a));
}

static inline struct vec3 vec3_cross(struct vec3 a, struct vec3 b)
{
    return (struct vec3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static inline struct vec3 rotation_apply(const struct rotation *r, struct vec3 v)
{
    return (struct vec3){
        r->m[0][0] * v.x + r->m[0][1] * v.y + r->m[0][2] * v.z,
        r->m[1][0] * v.x + r->m[1][1] * v.y + r->m[1][2] * v.z,
        r->m[2][0] * v.x + r->m[2][1] * v.y + r->m[2][2] * v.z,
    };
}

static inline struct vec3 rotation_apply_inverse(const struct rotation *r, struct vec3 v)
{
    return (struct vec3){
        r->m[0][0] * v.x + r->m[1][0] * v.y + r->m[2][0] * v.z,
        r->m[0][1] * v.x + r->m[1][1] * v.y + r->m[2][1] * v.z,
        r->m[0][2] * v.x + r->m[1][2] * v.y + r->m[2][2] * v.z,
    };
}

static inline struct rotation rotation_multiply(const struct rotation *a, const struct rotation *b)
{
    struct rotation product;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            product.m[i][j] =
                a->m[i][0] * b->m[0][j] + a->m[i][1] * b->m[1][j] + a->m[i][2] * b->m[2][j];
    return product;
}

/* Rz(yaw) Ry(pitch) Rx(roll), in radians. */
static inline struct rotation rotation_from_rpy(double roll, double pitch, double yaw)
{
    double cr = cos(roll), sr = sin(roll);
    double cp = cos(pitch), sp = sin(pitch);
    double cy = cos(yaw), sy = sin(yaw);
    return (struct rotation){{
        {cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr},
        {sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr},
        {-sp, cp * sr, cp * cr},
    }};
}

#endif
