/* The kernels for one element type: included once with T float and once with T double (see kernels.c).
 *
 * Rows are [nodes, heads, width] end to end, edges lie in the order of the row that receives them, weights and
 * scores are [edges, heads]. Every function works on the rows begin..end and writes nothing else, so ranges may
 * run in threads; every sum has one owner and one order, so results do not depend on how rows are split.
 */

static T NAME(dot)(const T *restrict a, const T *restrict b, int64_t width) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t d = 0; d < width; d++) sum += a[d] * b[d];
  return sum;
}

static void NAME(add)(T *restrict out, T factor, const T *restrict row, int64_t width) {
#pragma omp simd
  for (int64_t d = 0; d < width; d++) out[d] += factor * row[d];
}

static void NAME(add_product)(T *restrict out, T factor, const T *restrict a, const T *restrict b, int64_t width) {
#pragma omp simd
  for (int64_t d = 0; d < width; d++) out[d] += factor * a[d] * b[d];
}

/* Weights of one node and head from its scores, in place. All scores -inf: weights 0. */
static void NAME(softmax)(T *weight, int64_t begin, int64_t end, int64_t stride) {
  T largest = -INFINITY, sum = 0;
  for (int64_t e = begin; e < end; e++)
    if (!(weight[e * stride] <= largest)) largest = weight[e * stride]; /* NaN comes through */
  if (largest == -INFINITY) {
    for (int64_t e = begin; e < end; e++) weight[e * stride] = 0;
    return;
  }
  for (int64_t e = begin; e < end; e++) sum += weight[e * stride] = EXP(weight[e * stride] - largest);
  for (int64_t e = begin; e < end; e++) weight[e * stride] /= sum;
}

void NAME(role_attention_forward)(
    int64_t begin, int64_t end, int64_t heads, int64_t key, int64_t value, double scale, const T *q, const T *k,
    const T *v, const int64_t *ptr, const int64_t *col, const int64_t *role, const T *role_weight, T *out, T *weight) {
  for (int64_t i = begin; i < end; i++) {
    for (int64_t h = 0; h < heads; h++) {
      const T *query = q + (i * heads + h) * key;
      T *sum = out + (i * heads + h) * value;
      for (int64_t e = ptr[i]; e < ptr[i + 1]; e++)
        weight[e * heads + h] = (T)scale * NAME(dot)(query, k + (col[e] * heads + h) * key, key);
      NAME(softmax)(weight + h, ptr[i], ptr[i + 1], heads);
      memset(sum, 0, value * sizeof(T));
      for (int64_t e = ptr[i]; e < ptr[i + 1]; e++) {
        const T *row = v + (col[e] * heads + h) * value;
        if (role)
          NAME(add_product)(sum, weight[e * heads + h], row, role_weight + (role[e] * heads + h) * value, value);
        else
          NAME(add)(sum, weight[e * heads + h], row, value);
      }
    }
  }
}

/* <g, v * w> of an edge; on the way, factor * g * v is added to the gradient of w. */
static T NAME(modulated)(
    const T *restrict g, const T *restrict v, const T *restrict w, T *restrict grad_w, T factor, int64_t width) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t d = 0; d < width; d++) {
    T product = g[d] * v[d];
    sum += product * w[d];
    grad_w[d] += factor * product;
  }
  return sum;
}

/* The receiving side of the gradient: of scores [E, H], queries, and roles (grad_role [K, H, value], zero before). */
void NAME(role_attention_receive)(
    int64_t begin, int64_t end, int64_t heads, int64_t key, int64_t value, double scale, const T *grad,
    const T *grad_weight, const T *k, const T *v, const int64_t *ptr, const int64_t *col, const int64_t *role,
    const T *role_weight, const T *weight, T *grad_score, T *grad_q, T *grad_role) {
  for (int64_t i = begin; i < end; i++) {
    for (int64_t h = 0; h < heads; h++) {
      const T *g = grad + (i * heads + h) * value;
      T *out = grad_q + (i * heads + h) * key, total = 0;
      for (int64_t e = ptr[i]; e < ptr[i + 1]; e++) {
        int64_t at = e * heads + h, place = role ? (role[e] * heads + h) * value : 0;
        const T *row = v + (col[e] * heads + h) * value;
        T flow = role ? NAME(modulated)(g, row, role_weight + place, grad_role + place, weight[at], value)
                      : NAME(dot)(g, row, value);
        if (grad_weight) flow += grad_weight[at];
        total += grad_score[at] = flow * weight[at];
      }
      memset(out, 0, key * sizeof(T));
      for (int64_t e = ptr[i]; e < ptr[i + 1]; e++) {
        int64_t at = e * heads + h;
        grad_score[at] = (T)scale * (grad_score[at] - total * weight[at]);
        NAME(add)(out, grad_score[at], k + (col[e] * heads + h) * key, key);
      }
    }
  }
}

/* The sending side: of keys and values. ptr, row and edge are the transposed graph: receiver and number of each edge. */
void NAME(role_attention_send)(
    int64_t begin, int64_t end, int64_t heads, int64_t key, int64_t value, const T *grad, const T *q,
    const int64_t *ptr, const int64_t *row, const int64_t *edge, const int64_t *role, const T *role_weight,
    const T *weight, const T *grad_score, T *grad_k, T *grad_v) {
  for (int64_t j = begin; j < end; j++) {
    for (int64_t h = 0; h < heads; h++) {
      T *out_k = grad_k + (j * heads + h) * key, *out_v = grad_v + (j * heads + h) * value;
      memset(out_k, 0, key * sizeof(T));
      memset(out_v, 0, value * sizeof(T));
      for (int64_t t = ptr[j]; t < ptr[j + 1]; t++) {
        int64_t e = edge[t], at = e * heads + h;
        const T *g = grad + (row[t] * heads + h) * value;
        NAME(add)(out_k, grad_score[at], q + (row[t] * heads + h) * key, key);
        if (role)
          NAME(add_product)(out_v, weight[at], g, role_weight + (role[e] * heads + h) * value, value);
        else
          NAME(add)(out_v, weight[at], g, value);
      }
    }
  }
}

/* Weighted sums of gathered rows; weights (or NULL for 1) are those of edge[t] (or of t when edge is NULL). */
void NAME(gather_sum)(
    int64_t begin, int64_t end, int64_t heads, int64_t width, const T *x, const int64_t *ptr, const int64_t *index,
    const int64_t *edge, const T *weight, T *out) {
  for (int64_t i = begin; i < end; i++) {
    memset(out + i * heads * width, 0, heads * width * sizeof(T));
    for (int64_t t = ptr[i]; t < ptr[i + 1]; t++) {
      int64_t e = edge ? edge[t] : t;
      for (int64_t h = 0; h < heads; h++)
        NAME(add)(out + (i * heads + h) * width, weight ? weight[e * heads + h] : 1,
                  x + (index[t] * heads + h) * width, width);
    }
  }
}

/* The gradient of gather_sum's weights: <grad of the segment, gathered row>. */
void NAME(gather_dot)(
    int64_t begin, int64_t end, int64_t heads, int64_t width, const T *grad, const T *x, const int64_t *ptr,
    const int64_t *index, T *out) {
  for (int64_t i = begin; i < end; i++)
    for (int64_t t = ptr[i]; t < ptr[i + 1]; t++)
      for (int64_t h = 0; h < heads; h++)
        out[t * heads + h] = NAME(dot)(grad + (i * heads + h) * width, x + (index[t] * heads + h) * width, width);
}
