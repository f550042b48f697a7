// Vectors of a level's width.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "team.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(FASTDL_VECTOR_BYTES), aligned(alignof(T)), may_alias));
  static constexpr index lanes = FASTDL_VECTOR_BYTES / sizeof(T);
};

template <class T>
typename Vector<T>::type load(const T* from) { return *reinterpret_cast<const typename Vector<T>::type*>(from); }
template <class T>
void store(T* to, typename Vector<T>::type vector) { *reinterpret_cast<typename Vector<T>::type*>(to) = vector; }

// The first `count` lanes, the others 0. What lies behind them in memory is not read.
template <class T>
typename Vector<T>::type load(const T* from, index count) {
  using V = typename Vector<T>::type;
  if (count == Vector<T>::lanes) return load(from);
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4) return V(_mm512_maskz_loadu_ps((1u << count) - 1, from));
  else return V(_mm512_maskz_loadu_pd((1u << count) - 1, from));
#else
  V vector = {};
  std::copy(from, from + count, reinterpret_cast<T*>(&vector));
  return vector;
#endif
}

// The first `count` lanes. What lies behind them in memory is not written.
template <class T>
void store(T* to, typename Vector<T>::type vector, index count) {
  if (count == Vector<T>::lanes) return store(to, vector);
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(to, (1u << count) - 1, __m512(vector));
  else _mm512_mask_storeu_pd(to, (1u << count) - 1, __m512d(vector));
#else
  const T* from = reinterpret_cast<const T*>(&vector);
  std::copy(from, from + count, to);
#endif
}

// Calls f(0), ..., f(N - 1), each argument a constant: an array of vectors that is indexed by nothing else stays in
// registers. Where a loop indexes it, GCC 12 also keeps it in memory.
template <int... INDICES, class F>
__attribute__((always_inline)) inline void unroll(std::integer_sequence<int, INDICES...>, F f) {
  (f(std::integral_constant<int, INDICES>()), ...);
}
template <int N, class F>
__attribute__((always_inline)) inline void unroll(F f) {
  unroll(std::make_integer_sequence<int, N>(), f);
}

// The L vectors of rows[] as an L x L matrix, transposed: log2(L) rounds, each exchanging blocks of half the size.
template <int HALF, class V, int... LANES>
__attribute__((always_inline)) inline void transpose(V* rows, std::integer_sequence<int, LANES...> lanes) {
  using I = decltype(rows[0] < rows[0]);
  constexpr int count = sizeof...(LANES);
  constexpr I upper = {(LANES & HALF ? LANES - HALF + count : LANES)...};
  constexpr I lower = {(LANES & HALF ? LANES + count : LANES + HALF)...};
  unroll<count / 2>([&](auto pair) {
    constexpr int i = pair / HALF * 2 * HALF + pair % HALF;
    const V first = rows[i], second = rows[i + HALF];
    rows[i] = __builtin_shuffle(first, second, upper);
    rows[i + HALF] = __builtin_shuffle(first, second, lower);
  });
  if constexpr (HALF > 1) transpose<HALF / 2>(rows, lanes);
}
template <class V>
__attribute__((always_inline)) inline void transpose(V* rows) {
  constexpr int lanes = sizeof(V) / sizeof(rows[0][0]);
  transpose<lanes / 2>(rows, std::make_integer_sequence<int, lanes>());
}

// Asks for the line of an element that will be needed soon. It may lie outside of the array: addresses are added up as
// numbers, since such a pointer must not even be formed.
template <class T>
void prefetch_line(const T* array, index offset) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(array) + offset * index(sizeof(T))));
}

// The same for `count` elements from an offset on, which may lie across one line more than they fill.
template <class T>
void prefetch(const T* array, index offset, index count) {
  for (index i = 0; i < count; i += 64 / sizeof(T)) prefetch_line(array, offset + i);
  prefetch_line(array, offset + count - 1);
}

}  // namespace FASTDL_LEVEL
