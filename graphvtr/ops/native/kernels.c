/* Kernels of the native backend for float and double; compiled at first use (see build.py). */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define JOIN(name, type) name##_##type

#define T float
#define EXP expf
#define NAME(name) JOIN(name, float32)
#include "typed.h"
#undef T
#undef EXP
#undef NAME

#define T double
#define EXP exp
#define NAME(name) JOIN(name, float64)
#include "typed.h"
