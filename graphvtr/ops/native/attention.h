/* Attention within segments, for one element type: included after typed.h (see kernels.c).
 *
 * A segment's head is n rows of q, k [n, key] and v [n, value], some stride apart. Its rows are taken ROWS at a time
 * against all n keys, so that what is kept is [ROWS, n]; every product is one function over small blocks of registers.
 */

typedef T NAME(vector) __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));

/* A block of the product below: at most 4 rows, 8 * wide columns, sums in registers. */
#define BLOCK(rows, wide)                                                                     \
  {                                                                                           \
    NAME(vector) sum[rows][wide];                                                             \
    for (int r = 0; r < rows; r++)                                                            \
      for (int c = 0; c < wide; c++) sum[r][c] = *(NAME(vector) *)(out + (i + r) * ld + j + 8 * c); \
    for (int64_t l = 0; l < inner; l++) {                                                     \
      const T *row = b + l * ldb + j;                                                         \
      NAME(vector) x[wide];                                                                   \
      for (int c = 0; c < wide; c++) x[c] = *(const NAME(vector) *)(row + 8 * c);             \
      for (int r = 0; r < rows; r++) {                                                        \
        T factor = a[(i + r) * step + l * along];                                             \
        for (int c = 0; c < wide; c++) sum[r][c] += factor * x[c];                            \
      }                                                                                       \
    }                                                                                         \
    for (int r = 0; r < rows; r++)                                                            \
      for (int c = 0; c < wide; c++) *(NAME(vector) *)(out + (i + r) * ld + j + 8 * c) = sum[r][c]; \
  }

/* out [m, n] += A B: A [m, inner] has its elements a[row * step + column * along], rows of B and out lie ld apart. */
static void NAME(add_matmul)(
    T *out, int64_t ld, const T *a, int64_t step, int64_t along, const T *b, int64_t ldb, int64_t m, int64_t n,
    int64_t inner) {
  int64_t j = 0;
  for (; j + 16 <= n; j += 16) {
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) BLOCK(4, 2)
    for (; i < m; i++) BLOCK(1, 2)
  }
  for (; j + 8 <= n; j += 8) {
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) BLOCK(4, 1)
    for (; i < m; i++) BLOCK(1, 1)
  }
  for (; j < n; j++)
    for (int64_t i = 0; i < m; i++) {
      T sum = out[i * ld + j];
      for (int64_t l = 0; l < inner; l++) sum += a[i * step + l * along] * b[l * ldb + j];
      out[i * ld + j] = sum;
    }
}
#undef BLOCK

/* rows [n, width] some stride apart, end to end: of many heads they lie a power of two apart, on one line of a cache */
static const T *NAME(pack)(T *out, const T *rows, int64_t stride, int64_t n, int64_t width) {
  for (int64_t i = 0; i < n; i++) memcpy(out + i * width, rows + i * stride, width * sizeof(T));
  return out;
}

/* out [width, ld] = rows [n, width] on their side; columns from n on are 0. */
static void NAME(turn)(T *restrict out, int64_t ld, const T *restrict rows, int64_t n, int64_t width) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const T *a = rows + i * width, *b = a + width, *c = b + width, *e = c + width;
    T *to = out + i;
    for (int64_t d = 0; d < width; d++, to += ld) to[0] = a[d], to[1] = b[d], to[2] = c[d], to[3] = e[d];
  }
  for (; i < ld; i++)
    for (int64_t d = 0; d < width; d++) out[d * ld + i] = i < n ? rows[i * width + d] : 0;
}

/* Softmax of scale * scores over the first n of ld columns, in place; the rest becomes 0. */
static void NAME(softmax_rows)(T *weight, int64_t ld, int64_t rows, int64_t n, T scale) {
  for (int64_t r = 0; r < rows; r++) {
    T *restrict row = weight + r * ld, largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) {
      row[j] *= scale;
      if (!(row[j] <= largest)) largest = row[j]; /* NaN comes through */
    }
    for (int64_t j = n; j < ld; j++) row[j] = -INFINITY;
    for (int64_t j = 0; j < ld; j++) row[j] = EXP(row[j] - largest);
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) sum += row[j];
    for (int64_t j = 0; j < ld; j++) row[j] /= sum;
  }
}

#define ROWS 32

/* Room for a segment of n rows (ld: n rounded up to 8): counted in segment_attention.py. */
#define LAY_OUT                                                                               \
  int64_t n = ptr[s + 1] - ptr[s], ld = (n + 7) / 8 * 8;                                       \
  T *weight = room, *flow = weight + ROWS * ld, *keys_t = flow + ROWS * ld, *values_t = keys_t + key * ld, \
    *k_room = values_t + value * ld, *v_room = k_room + key * ld, *q_room = v_room + value * ld, \
    *g_room = q_room + ROWS * key;

/* The output of segments begin..end. */
void NAME(segment_attention_forward)(
    int64_t begin, int64_t end, int64_t heads, int64_t key, int64_t value, double scale, const T *q, const T *k,
    const T *v, const int64_t *ptr, T *out, T *room) {
  int64_t wide_key = heads * key, wide_value = heads * value;
  for (int64_t s = begin; s < end; s++) {
    LAY_OUT
    (void)flow, (void)values_t, (void)g_room;
    for (int64_t h = 0; h < heads; h++) {
      int64_t at_key = ptr[s] * wide_key + h * key, at_value = ptr[s] * wide_value + h * value;
      const T *values = NAME(pack)(v_room, v + at_value, wide_value, n, value);
      NAME(turn)(keys_t, ld, NAME(pack)(k_room, k + at_key, wide_key, n, key), n, key);
      for (int64_t i = 0; i < n; i += ROWS) {
        int64_t m = n - i < ROWS ? n - i : ROWS;
        T *sum = out + at_value + i * wide_value;
        const T *queries = NAME(pack)(q_room, q + at_key + i * wide_key, wide_key, m, key);
        memset(weight, 0, m * ld * sizeof(T));
        NAME(add_matmul)(weight, ld, queries, key, 1, keys_t, ld, m, ld, key);
        NAME(softmax_rows)(weight, ld, m, n, (T)scale);
        for (int64_t r = 0; r < m; r++) memset(sum + r * wide_value, 0, value * sizeof(T));
        NAME(add_matmul)(sum, wide_value, weight, ld, 1, values, value, m, value, n);
      }
    }
  }
}

/* Gradients of q, k and v, all zero before; the weights are computed again. */
void NAME(segment_attention_backward)(
    int64_t begin, int64_t end, int64_t heads, int64_t key, int64_t value, double scale, const T *grad, const T *q,
    const T *k, const T *v, const int64_t *ptr, T *grad_q, T *grad_k, T *grad_v, T *room) {
  int64_t wide_key = heads * key, wide_value = heads * value;
  for (int64_t s = begin; s < end; s++) {
    LAY_OUT
    for (int64_t h = 0; h < heads; h++) {
      int64_t at_key = ptr[s] * wide_key + h * key, at_value = ptr[s] * wide_value + h * value;
      const T *keys = NAME(pack)(k_room, k + at_key, wide_key, n, key);
      NAME(turn)(keys_t, ld, keys, n, key);
      NAME(turn)(values_t, ld, NAME(pack)(v_room, v + at_value, wide_value, n, value), n, value);
      for (int64_t i = 0; i < n; i += ROWS) {
        int64_t m = n - i < ROWS ? n - i : ROWS;
        const T *queries = NAME(pack)(q_room, q + at_key + i * wide_key, wide_key, m, key);
        const T *g = NAME(pack)(g_room, grad + at_value + i * wide_value, wide_value, m, value);
        memset(weight, 0, 2 * ROWS * ld * sizeof(T)); /* and flow */
        NAME(add_matmul)(weight, ld, queries, key, 1, keys_t, ld, m, ld, key);
        NAME(softmax_rows)(weight, ld, m, n, (T)scale);
        NAME(add_matmul)(flow, ld, g, value, 1, values_t, ld, m, ld, value);
        NAME(add_matmul)(grad_v + at_value, wide_value, weight, 1, ld, g, value, n, value, m);
        for (int64_t r = 0; r < m; r++) {
          T *w = weight + r * ld, *f = flow + r * ld, total = NAME(dot)(f, w, n);
          for (int64_t j = 0; j < n; j++) f[j] = (T)scale * (f[j] - total) * w[j];
        }
        NAME(add_matmul)(grad_q + at_key + i * wide_key, wide_key, flow, ld, 1, keys, key, m, key, n);
        NAME(add_matmul)(grad_k + at_key, wide_key, flow, 1, ld, queries, key, n, key, m);
      }
    }
  }
}
#undef LAY_OUT
#undef ROWS
