// How an optimizer's arrays are stored, where not in the type of the arithmetic, which then is float.
//
// bfloat16: the upper half of a float.
// bytes: blocks of 256 elements that share an exponent E, a byte each behind the n bytes of the elements. An element is
//   a float of few bits: 3 of the mantissa, and 4 of the exponent below E and a sign, or 5 for numbers that are never
//   negative. Byte c > 0 stands for the float whose upper bits are c + 8 E + 7 - (the largest c), byte 0 for 0.
//
// a. Moments move by small shares of themselves. Rounded to nearest, what is less than half the distance of two stored
//    numbers would be lost in every step; rounded up with the probability of what is dropped it counts on average
//    (stochastic rounding: Gupta, Agrawal, Gopalakrishnan and Narayanan, ICML 2015).
// b. Blocks as in Dettmers, Lewis, Shleifer and Zettlemoyer, "8-bit Optimizers via Block-wise Quantization", ICLR 2022. But
//    theirs are relative to the largest element: whenever that one moves, all others are rounded anew. Here they are
//    relative to a power of two: what is stored again unchanged keeps its value.
// c. A second moment that underflowed to 0 would make a step of m / eps: numbers that are never negative become the
//    smallest one there instead. Signed ones become it, or 0, at random.
// d. 64 random numbers of 16 bits serve a block of 256 elements and all their states: the further ones are these times powers
//    of a salt, which as functions of 16 bits are one to one, so that each is uniform by itself.
#pragma once

#include <limits>

#include "random.hpp"
#include "vector.hpp"

namespace FASTDL_LEVEL {

// Inlined throughout, so that loops over a whole block have a constant for their length.
#define FASTDL_INLINE __attribute__((always_inline)) inline

constexpr index storage_block = fastdl_storage_block;
constexpr index storage_draws = 64;
// Of all odd numbers the one whose first 15 powers a are best in the spectral test of the pairs (x, a x) modulo 2^16 (Knuth,
// "The Art of Computer Programming", section 3.3.4): their shortest vectors are at least 0.59 of the longest possible.
constexpr std::uint32_t element_salt = 46733;
constexpr std::uint32_t state_salt = element_salt * element_salt * element_salt * element_salt & 0xffff;

inline std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// Of an element.
FASTDL_INLINE index storage_bytes(fastdl_storage storage) {
  return storage == fastdl_float64 ? 8 : storage == fastdl_float32 ? 4 : storage == fastdl_bfloat16 ? 2 : 1;
}

FASTDL_INLINE void from_bfloat16(index n, const std::uint16_t* __restrict from, float* __restrict to) {
  for (index i = 0; i < n; ++i) to[i] = float_of(std::uint32_t(from[i]) << 16);
}

// What `added(i, bits)` is decides on the rounding. A NaN stays one.
template <class Added>
FASTDL_INLINE void to_bfloat16(index n, const float* __restrict from, Added added, std::uint16_t* __restrict to) {
  for (index i = 0; i < n; ++i) {
    const std::uint32_t bits = bits_of(from[i]), rounded = (bits + added(i, bits)) >> 16;
    to[i] = std::uint16_t((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded);
  }
}

FASTDL_INLINE void to_nearest_bfloat16(index n, const float* from, std::uint16_t* to) {
  to_bfloat16(n, from, [](index, std::uint32_t bits) { return 0x7fff + (bits >> 16 & 1); }, to);
}

// Bytes of one kind: the largest, and whether there is a sign.
template <bool IS_SIGNED>
struct Bytes {
  static constexpr std::int32_t largest = IS_SIGNED ? 127 : 255;
  static constexpr std::int32_t least_exponent = 32;  // below which the smallest number would be subnormal
  static constexpr std::uint8_t not_finite = 255;     // the exponent of a block with an infinity or a NaN

  static std::int32_t base(std::int32_t exponent) { return 8 * exponent + 7 - largest; }

  FASTDL_INLINE static void decode(index n, const std::uint8_t* __restrict from, std::uint8_t exponent, float* __restrict to) {
    if (exponent == not_finite) {
      std::fill(to, to + n, std::numeric_limits<float>::quiet_NaN());
      return;
    }
    const std::uint16_t lowest = base(exponent);
    for (index i = 0; i < n; ++i) {
      const std::uint16_t code = from[i], size = code & largest;
      const std::uint16_t upper = size == 0 ? 0 : (size + lowest) << 4;
      to[i] = float_of(std::uint32_t(std::uint16_t(IS_SIGNED ? upper | (code & 0x80) << 8 : upper)) << 16);
    }
  }

  // Returns the exponent. Most is done in units of 16 bits, of which a vector has twice as many as floats.
  FASTDL_INLINE static std::uint8_t encode(index n, const float* __restrict from, const std::uint16_t* __restrict numbers,
                             std::uint8_t* __restrict to) {
    std::uint32_t most = 0, least = -1;  // less one, so that 0 is not the least
    for (index i = 0; i < n; ++i) {
      const std::uint32_t size = bits_of(from[i]) & 0x7fffffff;
      most = std::max(most, size);
      least = std::min(least, size - 1);
    }
    // Room for the largest element when it is rounded up.
    const std::int32_t exponent = std::max(std::int32_t((most + 0xfffff) >> 23), least_exponent);
    const std::uint16_t lowest = base(exponent);
    std::uint16_t upper[storage_block];
    for (index i = 0; i < n; ++i) upper[i] = (bits_of(from[i]) + (std::uint32_t(numbers[i]) << 4 | 8)) >> 16;
    for (index i = 0; i < n; ++i) {
      const std::uint16_t code = std::max(std::uint16_t(upper[i] >> 4 & 0x7ff), lowest) - lowest;
      to[i] = std::uint8_t(code | (IS_SIGNED ? upper[i] >> 8 & 0x80 : 0));
    }
    const std::uint32_t smallest = std::uint32_t(lowest + 1) << 20;
    if (least < smallest - 1) encode_below(n, from, numbers, smallest, to);
    return std::uint8_t(std::min(exponent, std::int32_t(not_finite)));
  }

  // The elements below the smallest number.
  static void encode_below(index n, const float* __restrict from, const std::uint16_t* __restrict numbers,
                           std::uint32_t smallest, std::uint8_t* __restrict to) {
    const float share = 65536 / float_of(smallest);  // not used, and perhaps infinite, where there is no sign
    for (index i = 0; i < n; ++i) {
      const std::uint32_t bits = bits_of(from[i]), size = bits & 0x7fffffff;
      const std::uint32_t code = IS_SIGNED ? float_of(size) * share > float(numbers[i]) + 0.5f : size > 0;
      to[i] = size < smallest ? std::uint8_t(code | (IS_SIGNED ? bits >> 24 & 0x80 : 0)) : to[i];
    }
  }
};

// Elements [offset, offset + n) of an array of `size` elements, where offset is that of a block.
struct Stored {
  void* array;
  index size;
  fastdl_storage storage;

  std::uint16_t* halves(index offset) const { return static_cast<std::uint16_t*>(array) + offset; }
  std::uint8_t* bytes(index offset) const { return static_cast<std::uint8_t*>(array) + offset; }
  std::uint8_t* exponent(index offset) const { return bytes(size + offset / storage_block); }

  template <class Work>
  FASTDL_INLINE void each_block(index offset, index n, Work work) const {
    for (index i = 0; i < n; i += storage_block) work(i, std::min(n - i, storage_block), bytes(offset + i), exponent(offset + i));
  }

  FASTDL_INLINE void load(index offset, index n, float* to) const {
    if (storage == fastdl_bfloat16) return from_bfloat16(n, halves(offset), to);
    each_block(offset, n, [&](index i, index count, const std::uint8_t* from, const std::uint8_t* exponent) {
      if (storage == fastdl_signed_bytes)
        Bytes<true>::decode(count, from, *exponent, to + i);
      else
        Bytes<false>::decode(count, from, *exponent, to + i);
    });
  }

  // Numbers: 16 random bits for each element, or null for bfloat16 rounded to nearest.
  FASTDL_INLINE void store(index offset, index n, const float* from, const std::uint16_t* numbers) const {
    if (storage == fastdl_bfloat16 && !numbers) return to_nearest_bfloat16(n, from, halves(offset));
    if (storage == fastdl_bfloat16)
      return to_bfloat16(n, from, [&](index i, std::uint32_t) { return std::uint32_t(numbers[i]); }, halves(offset));
    each_block(offset, n, [&](index i, index count, std::uint8_t* to, std::uint8_t* exponent) {
      if (storage == fastdl_signed_bytes)
        *exponent = Bytes<true>::encode(count, from + i, numbers + i, to);
      else
        *exponent = Bytes<false>::encode(count, from + i, numbers + i, to);
    });
  }
};

FASTDL_INLINE void salt_numbers(index n, std::uint32_t salt, std::uint16_t* numbers) {
  for (index i = 0; i < n; ++i) numbers[i] = std::uint16_t(numbers[i] * salt);
}

// 16 random bits for each of the elements [offset, offset + n), and for as many behind them as fill a block of storage. The
// first of a block are those of 8 blocks of 128 bits: their first halves, then their second ones.
FASTDL_INLINE void draw_numbers(index offset, index n, const fastdl_source& source, std::uint16_t* __restrict to) {
  constexpr int group = storage_draws / 8;
  for (index i = 0; i < n; i += storage_block) {
    for (int start = 0; start < group; start += lane_count) {
      const Halves halves = philox_lanes(source, source.first + (offset + i) / storage_block * group + start + lane_numbers());
      std::memcpy(to + i + 4 * start, &halves.first, sizeof halves.first);
      std::memcpy(to + i + 4 * (group + start), &halves.second, sizeof halves.second);
    }
    std::uint32_t salt = element_salt;
    for (index j = storage_draws; j < storage_block; j += storage_draws, salt *= element_salt)
      for (index k = 0; k < storage_draws; ++k) to[i + j + k] = std::uint16_t(to[i + k] * salt);
  }
}

constexpr index storage_tile = 4 * storage_block;

// An array as a whole into its storage.
struct EncodeState {
  index size;
  const float* from;
  fastdl_storage storage;
  fastdl_source source;
  std::uint16_t salt;
  void* to;

  bool pays() const { return size >= parallel_activated; }

  void operator()(const Team& team, Memory) const {
    team.share(ceil_div(size, storage_tile), [&](index tile) {
      alignas(64) std::uint16_t numbers[storage_tile];
      const index offset = tile * storage_tile, n = std::min(size - offset, storage_tile);
      draw_numbers(offset, n, source, numbers);
      salt_numbers(n, salt, numbers);
      Stored{to, size, storage}.store(offset, n, from + offset, numbers);
    });
  }
};

struct DecodeState {
  index size;
  const void* from;
  fastdl_storage storage;
  float* to;

  bool pays() const { return size >= parallel_activated; }

  void operator()(const Team& team, Memory) const {
    team.share(ceil_div(size, storage_tile), [&](index tile) {
      const index offset = tile * storage_tile, n = std::min(size - offset, storage_tile);
      Stored{const_cast<void*>(from), size, storage}.load(offset, n, to + offset);
    });
  }
};

}  // namespace FASTDL_LEVEL
