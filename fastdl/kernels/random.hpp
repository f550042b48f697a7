// Random bits: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011), the
// generator of cuRAND, torch and JAX. A block of 128 bits is a function of a counter, (number of the block, step, stream),
// and a key, the seed: there is no state, so any thread can make any part. It passes BigCrush; the authors advise 10 rounds
// where 7 would do so as well.
//
// Dropping out of a million floats in the cache, one thread, AVX-512 / AVX2: 0.17 / 0.42 ms; with 7 rounds 0.12 / 0.32 ms,
// which is not worth the authors' margin; with Squares (Widynski 2020), whose products have 64 bits, 0.14 / 0.9 ms.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "activations.hpp"
#include "table.hpp"

namespace FASTDL_LEVEL {

// Each lane of 64 bits holds a word of 32 bits of another block; its upper half holds anything.
typedef std::uint64_t Lanes __attribute__((vector_size(FASTDL_VECTOR_BYTES)));
constexpr int lane_count = FASTDL_VECTOR_BYTES / 8;

// Products of the lower halves. GCC multiplies all 64 bits if the same is written with masks.
inline Lanes multiply_words(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  return Lanes(_mm512_maskz_mul_epu32(0xff, __m512i(a), __m512i(b)));  // GCC warns of what the other one leaves undefined
#elif defined(__AVX2__)
  return Lanes(_mm256_mul_epu32(__m256i(a), __m256i(b)));
#elif defined(__SSE2__)
  return Lanes(_mm_mul_epu32(__m128i(a), __m128i(b)));
#else
  return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

// The first and the second half of as many blocks as there are lanes, each the lower 32-bit word first.
struct Halves {
  Lanes first, second;
};

inline __attribute__((always_inline)) Halves philox_lanes(const fastdl_source& source, Lanes block) {
  constexpr std::uint64_t lower = 0xffffffff;
  Lanes c0 = block, c1 = block >> 32, c2 = Lanes{} + source.step, c3 = Lanes{} + source.stream;
  std::uint32_t k0 = std::uint32_t(source.seed), k1 = std::uint32_t(source.seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Lanes p0 = multiply_words(c0, Lanes{} + 0xd2511f53), p1 = multiply_words(c2, Lanes{} + 0xcd9e8d57);
    c0 = (p1 >> 32) ^ c1 ^ std::uint64_t(k0);
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ std::uint64_t(k1);
    c3 = p0;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  return {(c0 & lower) | (c1 << 32), (c2 & lower) | (c3 << 32)};
}

inline Lanes lane_numbers() {
  Lanes numbers;
  for (int lane = 0; lane < lane_count; ++lane) numbers[lane] = lane;
  return numbers;
}

// As many blocks as are made at a time, in their own order: two 64-bit words each, the first of four 32-bit words lowest.
constexpr int group_blocks = 16;

struct Group {
  std::uint64_t words[2 * group_blocks];
};

inline Group philox(const fastdl_source& source, std::uint64_t first) {
  std::uint64_t even[group_blocks], odd[group_blocks];
  for (int start = 0; start < group_blocks; start += lane_count) {
    const Halves halves = philox_lanes(source, source.first + first + start + lane_numbers());
    std::memcpy(even + start, &halves.first, sizeof halves.first);
    std::memcpy(odd + start, &halves.second, sizeof halves.second);
  }
  Group group;
  for (int i = 0; i < group_blocks; ++i) {
    group.words[2 * i] = even[i];
    group.words[2 * i + 1] = odd[i];
  }
  return group;
}

// Calls work(start, first, last, numbers) for the elements [begin, end) of an array, a group of them at a time, of which this
// time [first, last) are wanted. Element i has the i-th random number of type N of the source, which is numbers[i - start].
template <class N, class Work>
void draw(index begin, index end, const fastdl_source& source, Work work) {
  constexpr index block_numbers = 16 / sizeof(N), group_numbers = group_blocks * block_numbers;
  for (index start = begin / group_numbers * group_numbers; start < end; start += group_numbers) {
    const Group group = philox(source, start / block_numbers);
    N numbers[group_numbers];
    std::memcpy(numbers, group.words, sizeof numbers);
    work(start, std::max(begin, start), std::min(end, start + group_numbers), numbers);
  }
}

struct RandomBits {
  index size;
  fastdl_source source;
  std::uint32_t* out;

  bool pays() const { return size >= parallel_activated; }
  index rows() const { return size; }
  Operands operands() const { return Operands().rows_write(out, size); }

  void on_rows(index begin, index end, Memory) const {
    draw<std::uint32_t>(begin, end, source, [&](index start, index first, index last, const std::uint32_t* numbers) {
      std::copy(numbers + (first - start), numbers + (last - start), out + first);
    });
  }
};

// Counts a step: counter = {this step, the next one, ...}.
struct CountStep {
  std::uint32_t* counter;

  bool pays() const { return false; }
  index rows() const { return any_rows; }
  Operands operands() const { return Operands().prepare_writes(counter, 2); }
  bool prepares() const { return true; }
  void on_rows(index, index, Memory) const {}

  void prepare(const Team& team, Memory) const {
    if (team.rank > 0) return;
    counter[0] = counter[1];
    ++counter[1];
  }
};

}  // namespace FASTDL_LEVEL
