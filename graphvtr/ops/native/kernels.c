/* Kernels of the native backend for float and double; compiled at first use (see build.py). */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define JOIN(name, type) name##_##type

/* exp of x < 88 to 2 units in the last place, without branches, so in vectors; 0 below the smallest normal number. */
static inline float exp_float32(float x) {
  float bounded = x < -88.f ? -88.f : x, whole = rintf(bounded * 1.44269504f); /* NaN comes through */
  float rest = bounded - whole * 0.693359375f + whole * 2.12194440e-4f, sum = 1.9875691e-4f;
  sum = sum * rest + 1.3981999e-3f;
  sum = sum * rest + 8.3334519e-3f;
  sum = sum * rest + 4.1665795e-2f;
  sum = sum * rest + 1.6666665e-1f;
  sum = sum * rest + 5.0000001e-1f;
  sum = sum * rest * rest + rest + 1;
  union {
    int32_t bits;
    float value;
  } power = {((int32_t)whole + 127) * (1 << 23)}; /* 0 for whole = -127 */
  return sum * power.value;
}

#define T float
#define EXP exp_float32
#define SQRT sqrtf
#define NAME(name) JOIN(name, float32)
#include "typed.h"
#include "attention.h"
#include "match.h"
#undef T
#undef EXP
#undef SQRT
#undef NAME

#define T double
#define EXP exp
#define SQRT sqrt
#define NAME(name) JOIN(name, float64)
#include "typed.h"
#include "attention.h"
#include "match.h"
