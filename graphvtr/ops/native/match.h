/* What local_match does between its products, for one element type: included after attention.h (see kernels.c).
 *
 * s [videos, frames, n] are similarities of frames and nodes; names follow ops/eager/_match_math.py. A video's COLUMNS
 * nodes are taken at a time, so that all passes over its frames find them in the nearest cache.
 */

#define COLUMNS 64
#define CLIP(x) ((x) < 0 ? 0 : (x)) /* NaN comes through */

/* Unnormalised attention over the frames [frames, COLUMNS], the norms it was computed with, and its sums. */
static void NAME(match_attention)(
    const T *s, int64_t ld, int64_t frames, int64_t count, int64_t clipped, T temperature, T eps, T *restrict weight,
    T *restrict norm, T *restrict total) {
  T scale[COLUMNS], largest[COLUMNS];
  for (int64_t c = 0; c < COLUMNS; c++) norm[c] = total[c] = largest[c] = 0;
  for (int64_t t = 0; t < frames; t++) {
    const T *restrict row = s + t * ld;
    for (int64_t c = 0; c < count; c++) {
      T x = clipped ? CLIP(row[c]) : row[c];
      norm[c] += x * x;
    }
  }
  for (int64_t c = 0; c < COLUMNS; c++) {
    norm[c] = SQRT(norm[c]);
    scale[c] = temperature / (norm[c] + eps);
  }
  if (temperature > 60 || temperature < -60) { /* else exp stays far from the largest number, summed too */
    for (int64_t c = 0; c < count; c++) largest[c] = -INFINITY;
    for (int64_t t = 0; t < frames; t++)
      for (int64_t c = 0; c < count; c++) {
        T x = CLIP(s[t * ld + c]) * scale[c];
        largest[c] = x <= largest[c] ? largest[c] : x;
      }
  }
  for (int64_t t = 0; t < frames; t++) {
    const T *restrict row = s + t * ld;
    T *restrict out = weight + t * COLUMNS;
#pragma omp simd
    for (int64_t c = 0; c < count; c++) {
      T x = EXP(CLIP(row[c]) * scale[c] - largest[c]);
      out[c] = x;
      total[c] += x;
    }
    for (int64_t c = count; c < COLUMNS; c++) out[c] = 0;
  }
}

/* Score of each video with each node [videos, n]; embed: of the attended frame itself, by its Gram matrix.
 * room: 2 * frames * COLUMNS. */
void NAME(match_scores)(
    int64_t begin, int64_t end, int64_t frames, int64_t n, int64_t clipped, int64_t embed, double temperature,
    double eps, double small, const T *s, const T *norms, const T *gram, T *out, T *room) {
  T norm[COLUMNS], total[COLUMNS], sum[COLUMNS], square[COLUMNS];
  T *weight = room, *mixed = room + frames * COLUMNS;
  for (int64_t v = begin; v < end; v++)
    for (int64_t j = 0; j < n; j += COLUMNS) {
      int64_t count = n - j < COLUMNS ? n - j : COLUMNS;
      const T *own = s + v * frames * n + j;
      T *restrict score = out + v * n + j;
      NAME(match_attention)(own, n, frames, count, clipped, (T)temperature, (T)eps, weight, norm, total);
      for (int64_t c = 0; c < COLUMNS; c++) sum[c] = square[c] = 0;
      for (int64_t t = 0; t < frames; t++) {
        const T *restrict row = own + t * n, *restrict w = weight + t * COLUMNS;
        T length = embed ? norms[v * frames + t] : 1;
        for (int64_t c = 0; c < count; c++) sum[c] += w[c] * length * row[c];
      }
      for (int64_t c = 0; c < count; c++) score[c] = sum[c] / total[c];
      if (!embed) continue;
      memset(mixed, 0, frames * COLUMNS * sizeof(T));
      NAME(add_matmul)(
          mixed, COLUMNS, gram + v * frames * frames, frames, 1, weight, COLUMNS, frames, COLUMNS, frames);
      for (int64_t t = 0; t < frames; t++)
        for (int64_t c = 0; c < COLUMNS; c++) square[c] += weight[t * COLUMNS + c] * mixed[t * COLUMNS + c];
      for (int64_t c = 0; c < count; c++) {
        T own_square = square[c] / (total[c] * total[c]);
        score[c] = own_square <= (T)small ? 0 : score[c] / SQRT(own_square);
      }
    }
}

/* The gradient of the similarities in their place, from that of the scores [videos, n]; embed: those of the frames'
 * lengths [videos, frames] and Gram matrices [videos, frames, frames] are added to. room: (3 * frames + ld) * COLUMNS,
 * ld frames rounded up to 8. */
void NAME(match_gradients)(
    int64_t begin, int64_t end, int64_t frames, int64_t n, int64_t clipped, int64_t embed, double temperature,
    double eps, double small, const T *grad, const T *norms, const T *gram, T *s, T *grad_norm, T *grad_gram, T *room) {
  T norm[COLUMNS], total[COLUMNS], score[COLUMNS], inverse[COLUMNS], through[COLUMNS];
  T *weight = room, *mixed = weight + frames * COLUMNS, *slope = mixed + frames * COLUMNS,
    *turned = slope + frames * COLUMNS;
  int64_t ld = (frames + 7) / 8 * 8;
  for (int64_t v = begin; v < end; v++)
    for (int64_t j = 0; j < n; j += COLUMNS) {
      int64_t count = n - j < COLUMNS ? n - j : COLUMNS;
      T *own = s + v * frames * n + j;
      const T *restrict g = grad + v * n + j;
      NAME(match_attention)(own, n, frames, count, clipped, (T)temperature, (T)eps, weight, norm, total);
      for (int64_t c = 0; c < count; c++) total[c] = 1 / total[c];
      for (int64_t t = 0; t < frames; t++)
        for (int64_t c = 0; c < count; c++) weight[t * COLUMNS + c] *= total[c];
      for (int64_t c = 0; c < COLUMNS; c++) score[c] = through[c] = 0, inverse[c] = 1;
      if (embed) {
        memset(mixed, 0, frames * COLUMNS * sizeof(T));
        NAME(add_matmul)(
            mixed, COLUMNS, gram + v * frames * frames, frames, 1, weight, COLUMNS, frames, COLUMNS, frames);
        for (int64_t c = 0; c < COLUMNS; c++) inverse[c] = 0;
        for (int64_t t = 0; t < frames; t++)
          for (int64_t c = 0; c < COLUMNS; c++) inverse[c] += weight[t * COLUMNS + c] * mixed[t * COLUMNS + c];
        for (int64_t c = 0; c < COLUMNS; c++) inverse[c] = inverse[c] <= (T)small ? 0 : 1 / SQRT(inverse[c]);
      }
      for (int64_t t = 0; t < frames; t++) {
        const T *restrict row = own + t * n, *restrict w = weight + t * COLUMNS;
        T length = embed ? norms[v * frames + t] : 1;
        for (int64_t c = 0; c < count; c++) score[c] += w[c] * length * inverse[c] * row[c];
      }
      for (int64_t t = 0; t < frames; t++) {
        const T *restrict row = own + t * n, *restrict w = weight + t * COLUMNS, *restrict m = mixed + t * COLUMNS;
        T *restrict x = slope + t * COLUMNS, length = embed ? norms[v * frames + t] : 1;
        if (embed)
          for (int64_t c = 0; c < count; c++)
            x[c] = (row[c] * length * inverse[c] - m[c] * score[c] * inverse[c] * inverse[c]) * w[c];
        else
          for (int64_t c = 0; c < count; c++) x[c] = (row[c] - score[c]) * w[c];
        for (int64_t c = 0; c < count; c++) through[c] += x[c] * CLIP(row[c]);
      }
      if (embed) {
        for (int64_t t = 0; t < frames; t++) {
          const T *restrict row = own + t * n, *restrict w = weight + t * COLUMNS;
          T *restrict m = mixed + t * COLUMNS, sum = 0;
          for (int64_t c = 0; c < count; c++) {
            sum += w[c] * row[c] * inverse[c] * g[c];
            m[c] = (T)-0.5 * w[c] * score[c] * inverse[c] * inverse[c] * g[c];
          }
          grad_norm[v * frames + t] += sum;
        }
        NAME(turn)(turned, ld, weight, frames, COLUMNS);
        NAME(add_matmul)(
            grad_gram + v * frames * frames, frames, mixed, COLUMNS, 1, turned, ld, frames, frames, count);
      }
      for (int64_t c = 0; c < count; c++) { /* from here on: what the norm passes on, and what the exponent is worth */
        T least = (T)(eps * eps), padded = norm[c] + (T)eps;
        through[c] /= padded * (norm[c] < least ? least : norm[c]);
        norm[c] = (T)temperature / padded;
      }
      for (int64_t t = 0; t < frames; t++) {
        T *restrict row = own + t * n, length = embed ? norms[v * frames + t] : 1, negative = clipped ? 0 : 1;
        const T *restrict w = weight + t * COLUMNS, *restrict x = slope + t * COLUMNS;
#pragma omp simd
        for (int64_t c = 0; c < count; c++) {
          T similarity = row[c], normalised = similarity < 0 ? negative * similarity : similarity;
          T reaches = x[c] * (similarity > 0 ? (T)1 : (T)0);
          row[c] = ((reaches - normalised * through[c]) * norm[c] + w[c] * length * inverse[c]) * g[c];
        }
      }
    }
}
#undef COLUMNS
#undef CLIP
