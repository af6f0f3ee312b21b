/* Kernels of the native backend for float and double; compiled at first use (see build.py). */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define JOIN(name, type) name##_##type

/* exp of x <= 0 to 2 units in the last place, in operations that vectors have; 0 below the smallest normal number. */
static inline float exp_float32(float x) {
  float whole = rintf(x * 1.44269504f), rest = x - whole * 0.693359375f + whole * 2.12194440e-4f, sum = 1.9875691e-4f;
  sum = sum * rest + 1.3981999e-3f;
  sum = sum * rest + 8.3334519e-3f;
  sum = sum * rest + 4.1665795e-2f;
  sum = sum * rest + 1.6666665e-1f;
  sum = sum * rest + 5.0000001e-1f;
  sum = sum * rest * rest + rest + 1;
  union {
    int32_t bits;
    float value;
  } power = {((int32_t)fmaxf(whole, -127.f) + 127) << 23};
  return x < -87.3f ? 0 : sum * power.value;
}

#define T float
#define EXP exp_float32
#define NAME(name) JOIN(name, float32)
#include "typed.h"
#include "attention.h"
#undef T
#undef EXP
#undef NAME

#define T double
#define EXP exp
#define NAME(name) JOIN(name, float64)
#include "typed.h"
#include "attention.h"
