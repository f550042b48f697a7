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
// d. An element has 16 random bits for all its states: state k takes them times salt^k, which as a function of 16 bits
//    is one to one, so that each is uniform by itself.
#pragma once

#include <limits>

#include "random.hpp"
#include "vector.hpp"

namespace FASTDL_LEVEL {

constexpr index storage_block = fastdl_storage_block;
constexpr std::uint16_t storage_salt = 40503;  // 2^16 over the golden ratio, as Knuth's multiplicative hashing has it

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

inline void from_bfloat16(index n, const std::uint16_t* __restrict from, float* __restrict to) {
  for (index i = 0; i < n; ++i) to[i] = float_of(std::uint32_t(from[i]) << 16);
}

// What `added(i, bits)` is decides on the rounding. A NaN stays one.
template <class Added>
void to_bfloat16(index n, const float* __restrict from, Added added, std::uint16_t* __restrict to) {
  for (index i = 0; i < n; ++i) {
    const std::uint32_t bits = bits_of(from[i]), rounded = (bits + added(i, bits)) >> 16;
    to[i] = std::uint16_t((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded);
  }
}

inline void to_nearest_bfloat16(index n, const float* from, std::uint16_t* to) {
  to_bfloat16(n, from, [](index, std::uint32_t bits) { return 0x7fff + (bits >> 16 & 1); }, to);
}

// Bytes of one kind: the largest, and whether there is a sign.
template <bool IS_SIGNED>
struct Bytes {
  static constexpr std::int32_t largest = IS_SIGNED ? 127 : 255;
  static constexpr std::int32_t least_exponent = 32;  // below which the smallest number would be subnormal
  static constexpr std::uint8_t not_finite = 255;     // the exponent of a block with an infinity or a NaN

  static std::int32_t base(std::int32_t exponent) { return 8 * exponent + 7 - largest; }

  static void decode(index n, const std::uint8_t* __restrict from, std::uint8_t exponent, float* __restrict to) {
    if (exponent == not_finite) {
      std::fill(to, to + n, std::numeric_limits<float>::quiet_NaN());
      return;
    }
    const std::uint32_t lowest = base(exponent);
    for (index i = 0; i < n; ++i) {
      const std::uint32_t code = from[i], size = code & largest;
      const std::uint32_t bits = size == 0 ? 0 : (size + lowest) << 20;
      to[i] = float_of(IS_SIGNED ? bits | (code & 0x80) << 24 : bits);
    }
  }

  // Returns the exponent.
  static std::uint8_t encode(index n, const float* __restrict from, const std::uint16_t* __restrict numbers,
                             std::uint16_t salt, std::uint8_t* __restrict to) {
    std::uint32_t most = 0;
    for (index i = 0; i < n; ++i) most = std::max(most, bits_of(from[i]) & 0x7fffffff);
    // Room for the largest element when it is rounded up.
    const std::int32_t exponent = std::max(std::int32_t((most + 0xfffff) >> 23), least_exponent);
    const std::int32_t lowest = base(exponent);
    const std::uint32_t smallest = std::uint32_t(lowest + 1) << 20;
    const float share = 65536 / float_of(smallest);  // not used, and perhaps infinite, where there is no sign
    for (index i = 0; i < n; ++i) {
      const std::uint32_t bits = bits_of(from[i]), size = bits & 0x7fffffff;
      const std::uint32_t number = std::uint16_t(numbers[i] * std::uint32_t(salt));
      const std::int32_t code = std::int32_t((size + (number << 4 | 8)) >> 20) - lowest;
      const std::int32_t below = IS_SIGNED ? float_of(size) * share > float(std::int32_t(number)) + 0.5f : size > 0;
      to[i] = std::uint8_t((size < smallest ? below : code) | (IS_SIGNED ? bits >> 24 & 0x80 : 0));
    }
    return std::uint8_t(std::min(exponent, std::int32_t(not_finite)));
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
  void each_block(index offset, index n, Work work) const {
    for (index i = 0; i < n; i += storage_block) work(i, std::min(n - i, storage_block), bytes(offset + i), exponent(offset + i));
  }

  void load(index offset, index n, float* to) const {
    if (storage == fastdl_bfloat16) return from_bfloat16(n, halves(offset), to);
    each_block(offset, n, [&](index i, index count, const std::uint8_t* from, const std::uint8_t* exponent) {
      if (storage == fastdl_signed_bytes)
        Bytes<true>::decode(count, from, *exponent, to + i);
      else
        Bytes<false>::decode(count, from, *exponent, to + i);
    });
  }

  // Numbers: 16 random bits for each element, or null for bfloat16 rounded to nearest.
  void store(index offset, index n, const float* from, const std::uint16_t* numbers, std::uint16_t salt) const {
    if (storage == fastdl_bfloat16 && !numbers) return to_nearest_bfloat16(n, from, halves(offset));
    if (storage == fastdl_bfloat16) {
      const auto added = [&](index i, std::uint32_t) { return std::uint32_t(std::uint16_t(numbers[i] * std::uint32_t(salt))); };
      return to_bfloat16(n, from, added, halves(offset));
    }
    each_block(offset, n, [&](index i, index count, std::uint8_t* to, std::uint8_t* exponent) {
      if (storage == fastdl_signed_bytes)
        *exponent = Bytes<true>::encode(count, from + i, numbers + i, salt, to);
      else
        *exponent = Bytes<false>::encode(count, from + i, numbers + i, salt, to);
    });
  }
};

// 16 random bits for each of the elements [offset, offset + n), and for as many behind them as fill a block of storage. They
// are those of their blocks of 128 bits: of 32 such blocks the first halves, then the second ones.
inline void draw_numbers(index offset, index n, const fastdl_source& source, std::uint16_t* to) {
  constexpr int group = storage_block / 8;
  for (index i = 0; i < n; i += storage_block)
    for (int start = 0; start < group; start += lane_count) {
      const Halves halves = philox_lanes(source, source.first + (offset + i) / 8 + start + lane_numbers());
      std::memcpy(to + i + 4 * start, &halves.first, sizeof halves.first);
      std::memcpy(to + i + 4 * (group + start), &halves.second, sizeof halves.second);
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
      std::uint16_t numbers[storage_tile];
      const index offset = tile * storage_tile, n = std::min(size - offset, storage_tile);
      draw_numbers(offset, n, source, numbers);
      Stored{to, size, storage}.store(offset, n, from + offset, numbers, salt);
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
