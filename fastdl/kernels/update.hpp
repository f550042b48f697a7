// The optimizer's engine: one rule over many tensors, in one region.
//
// a. A tensor is cut into tiles of fixed size; a member takes a run of tiles that holds its share of all elements.
// b. The rule sees a tile: pointers and a count. A call through a pointer costs little for a tile, much for an element.
// c. What is done to every gradient (conversion, clipping, weight decay) is done to the tile's gradient in scratch, and what
//    is done to the parameter (decay, average) to its tile: all of it in the first-level cache, so that no rule knows of it.
// d. An array that is stored in another type than that of the arithmetic is brought into scratch likewise, and back.
// e. What depends on all tiles, the norm of the gradients and of a tensor, is added up from one partial sum a tile, in the
//    order of the tiles: the same bits for any number of threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "plan.hpp"
#include "rules/table.hpp"
#include "squares.hpp"
#include "storage.hpp"
#include "sums.hpp"

namespace FASTDL_LEVEL {

constexpr index tensor_cost = 64;              // what a tensor costs by itself, in elements
// Of a parameter with so many elements the arrays lie in memory. Where they are stored in other types, a block waits for
// them and then computes for so long that the CPU does not see the next one: it has to be asked for ahead. That takes Adam
// with bfloat16 states and 50 M elements from 1.4 to 0.9 of float32's time where memory is slow to answer.
constexpr index prefetched = 4 << 20;
constexpr index prefetch_ahead = 2048;
constexpr index parallel_updated = 16 * 1024;  // elements below which a region costs more than it gains

// Which tiles of which tensors a member has.
struct Tiles {
  const fastdl_tensor* tensors;
  index count;
  index* cost;   // of all tensors before each, and of all
  index* first;  // the number of each tensor's first tile, and of all tiles

  void number() const {
    cost[0] = first[0] = 0;
    for (index i = 0; i < count; ++i) {
      cost[i + 1] = cost[i] + tensors[i].size + tensor_cost;
      first[i + 1] = first[i] + ceil_div(tensors[i].size, update_tile);
    }
  }

  // Calls work(tensor's number, tile's number, offset, elements) for the tiles that start within this member's share.
  template <class Work>
  void share(const Team& team, Work work) const {
    const index total = cost[count], begin = team.rank * total / team.size, end = (team.rank + 1) * total / team.size;
    for (index i = std::upper_bound(cost, cost + count + 1, begin) - cost - 1; i < count && cost[i] < end; ++i) {
      index tile = std::max(ceil_div(begin - cost[i], update_tile), index(0));
      for (; tile < first[i + 1] - first[i] && cost[i] + tile * update_tile < end; ++tile)
        work(i, first[i] + tile, tile * update_tile, std::min(tensors[i].size - tile * update_tile, update_tile));
    }
  }
};

// out = clip(scale g) + decay p. Scaled in the wider of the two types: a large double may come back into a float's range.
template <class T, class Source>
void treat(index n, const Source* g, const T* p, double scale, double clip, double decay, T* out) {
  const T limit = T(clip), added = T(decay);
  const auto factor = decltype(Source() * T())(scale);
  for (index i = 0; i < n; ++i) out[i] = T(g[i] * factor);
  if (clip < INFINITY)
    for (index i = 0; i < n; ++i) out[i] = out[i] > limit ? limit : out[i] < -limit ? -limit : out[i];
  if (decay != 0)
    for (index i = 0; i < n; ++i) out[i] += added * p[i];
}

template <class T>
void clear_subnormals(T* x, index n) {
  for (index i = 0; i < n; ++i) x[i] = std::abs(x[i]) < std::numeric_limits<T>::min() ? T(0) : x[i];
}

static_assert(update_tile % storage_block == 0, "a block is stored by one member");

template <class T>
struct Step {
  static constexpr fastdl_storage own = std::is_same_v<T, double> ? fastdl_float64 : fastdl_float32;
  // Scratch, a row for each array; not a power of two apart, where their loads would wait for each other's stores.
  using Rows = T[2 + fastdl_max_states][update_tile + 64 / sizeof(T)];

  const fastdl_tensor& tensor;
  const fastdl_treatment& treatment;
  double scale;  // of the gradient

  Stored stored(int k) const { return {tensor.arrays[k], tensor.size, tensor.storage[k]}; }

  // The gradient's tile as the rule is to see it: in place where nothing is done to it, else in scratch.
  FASTDL_INLINE void* gradient(index offset, index n, const T* p, T* scratch) const {
    void* const array = tensor.arrays[1];
    const bool is_treated = scale != 1 || treatment.clip_value < INFINITY || tensor.decay != 0;
    const auto treated = [&](const auto* g) {
      treat(n, g, p, scale, treatment.clip_value, tensor.decay, scratch);
      return scratch;
    };
    if (tensor.storage[1] == own && !is_treated) return static_cast<T*>(array) + offset;
    if (tensor.storage[1] == fastdl_float64) return treated(static_cast<const double*>(array) + offset);
    if (tensor.storage[1] == fastdl_float32) return treated(static_cast<const float*>(array) + offset);
    if constexpr (own == fastdl_float32) {
      stored(1).load(offset, n, scratch);
      if (is_treated) treated(scratch);
    }
    return scratch;
  }

  // The tile's pointers for the rule: into the arrays, or into scratch where they are stored in another way.
  template <bool IS_OWN>
  FASTDL_INLINE void locate(index offset, index n, Rows& rows, void** arrays) const {
    for (int k = 0; k < tensor.array_count; ++k) {
      if (k == 1) continue;
      arrays[k] = static_cast<T*>(tensor.arrays[k]) + offset;
      if constexpr (!IS_OWN && own == fastdl_float32) {
        if (tensor.storage[k] == own) continue;
        stored(k).load(offset, n, rows[k]);
        arrays[k] = rows[k];
      }
    }
    arrays[1] = gradient(offset, n, static_cast<const T*>(arrays[0]), rows[1]);
  }

  // Stores what is in scratch: the parameter rounded to nearest, states at random if they are to be.
  template <bool IS_OWN>
  FASTDL_INLINE void put_back(index offset, index n, const Rows& rows, bool with_states) const {
    if constexpr (!IS_OWN && own == fastdl_float32) {
      if (tensor.storage[0] != own) stored(0).store(offset, n, rows[0], nullptr);
      if (!with_states) return;
      ask_ahead(offset, n, 2, tensor.array_count);
      const auto is_random = [&](fastdl_storage each) {
        return each != own && (tensor.rounds_at_random || each != fastdl_bfloat16);
      };
      alignas(64) std::uint16_t numbers[update_tile];
      const bool are_drawn = std::any_of(tensor.storage + 2, tensor.storage + tensor.array_count, is_random);
      if (are_drawn) draw_numbers(offset, n, tensor.source, numbers);
      for (int k = 2; k < tensor.array_count; ++k) {
        const fastdl_storage storage = tensor.storage[k];
        if (storage != own) stored(k).store(offset, n, rows[k], is_random(storage) ? numbers : nullptr);
        if (are_drawn) salt_numbers(n, state_salt, numbers);
      }
    }
  }

  // Asks for the arrays from first to last - 1 of a block that comes later.
  FASTDL_INLINE void ask_ahead(index offset, index n, int first, int last) const {
    if (tensor.size < prefetched) return;
    for (int k = first; k < last; ++k) {
      const index width = storage_bytes(tensor.storage[k]);
      prefetch(static_cast<const char*>(tensor.arrays[k]), (offset + prefetch_ahead) * width, n * width);
    }
  }

  // p - share p rounds once, where p (1 - share) would round the factor as well. An infinity stays one.
  void shrink(index n, T* p) const {
    if (tensor.shrink == 0) return;
    const T share = T(tensor.shrink), factor = T(1 - tensor.shrink);
    for (index i = 0; i < n; ++i) {
      const T shrunk = p[i] - share * p[i];
      p[i] = shrunk == shrunk ? shrunk : p[i] * factor;
    }
  }

  // Calls work(offset, elements, true_type) for the tile, or with false_type for its blocks where an array is stored
  // otherwise: their scratch is less.
  template <class Work>
  void each_part(index offset, index n, Work work) const {
    const auto is_own = [](fastdl_storage each) { return each == own; };
    const bool are_own = std::all_of(tensor.storage + 2, tensor.storage + tensor.array_count, is_own);
    if (are_own && is_own(tensor.storage[0])) return work(offset, n, std::true_type());
    index i = 0;
    for (; i + storage_block <= n; i += storage_block) work(offset + i, storage_block, std::false_type());
    if (i < n) work(offset + i, n - i, std::false_type());
  }

  void measure(index offset, index n, double* squares) const {
    squares[0] = squares[1] = 0;
    each_part(offset, n, [&](index begin, index count, auto is_own) __attribute__((always_inline)) {
      measure_part<is_own>(begin, count, squares);
    });
  }

  void operator()(index offset, index n, const void* coefficients) const {
    each_part(offset, n, [&](index begin, index count, auto is_own) __attribute__((always_inline)) {
      step_part<is_own>(begin, count, coefficients);
    });
  }

  template <bool IS_OWN>
  FASTDL_INLINE void measure_part(index offset, index n, double* squares) const {
    alignas(64) Rows rows;
    void* arrays[2 + fastdl_max_states];
    locate<IS_OWN>(offset, n, rows, arrays);
    shrink(n, static_cast<T*>(arrays[0]));
    tensor.measure(n, arrays, tensor.coefficients, squares);
    put_back<IS_OWN>(offset, n, rows, true);
  }

  template <bool IS_OWN>
  FASTDL_INLINE void step_part(index offset, index n, const void* coefficients) const {
    alignas(64) Rows rows;
    void* arrays[2 + fastdl_max_states];
    if constexpr (!IS_OWN) ask_ahead(offset, n, 0, 2);
    locate<IS_OWN>(offset, n, rows, arrays);
    T* p = static_cast<T*>(arrays[0]);
    if (!tensor.measure) shrink(n, p);
    tensor.tile(n, arrays, coefficients);
    if (tensor.clears)
      for (int k = 2; k < tensor.array_count; ++k) clear_subnormals(static_cast<T*>(arrays[k]), n);
    if (tensor.average) {
      T* average = static_cast<T*>(tensor.average) + offset;
      const T share = T(1 - treatment.average_decay);
      for (index i = 0; i < n; ++i) average[i] += share * (p[i] - average[i]);
    }
    put_back<IS_OWN>(offset, n, rows, !tensor.measure || tensor.clears);
  }
};

// Calls work(Step<T>) with the tensor's dtype.
template <class Work>
void with_step(const fastdl_tensor& tensor, const fastdl_treatment& treatment, double scale, Work work) {
  if (tensor.is_double)
    work(Step<double>{tensor, treatment, scale});
  else
    work(Step<float>{tensor, treatment, scale});
}

struct Update {
  const fastdl_tensor* tensors;
  index count;
  const fastdl_treatment* treatment;
  fastdl_outcome* outcome;

  bool surveys() const { return treatment->clip_norm < INFINITY || treatment->needs_finite; }
  bool measures() const {
    return std::any_of(tensors, tensors + count, [](const fastdl_tensor& each) { return each.measure; });
  }

  bool pays() const {
    index cost = 0;
    for (index i = 0; i < count; ++i) cost += tensors[i].size + tensor_cost;
    return cost >= parallel_updated;
  }

  // Two squares a tile and two a tensor; cost and first of Tiles.
  Scratch scratch() const {
    index tile_count = 0;
    for (index i = 0; i < count; ++i) tile_count += ceil_div(tensors[i].size, update_tile);
    const index doubles = (surveys() || measures() ? 2 * tile_count : 0) + (measures() ? 2 * count : 0);
    return {doubles * index(sizeof(double)), 2 * (count + 1) * index(sizeof(index))};
  }

  void operator()(const Team& team, Memory memory) const {
    index* numbers = reinterpret_cast<index*>(memory.own);
    const Tiles tiles{tensors, count, numbers, numbers + count + 1};
    tiles.number();
    const index tile_count = tiles.first[count];
    double* squares = reinterpret_cast<double*>(memory.shared);
    double* tensor_squares = squares + 2 * tile_count;

    double scale = 1;
    if (surveys()) {
      survey(team, tiles, squares);
      team.barrier();
      const bool stops = treatment->needs_finite && sum_by_halves(squares + 1, tile_count, 2) > 0;
      if (team.rank == 0) *outcome = stops ? fastdl_not_finite : fastdl_done;
      if (stops) return;
      const double norm = std::sqrt(sum_by_halves(squares, tile_count, 2));
      if (norm > treatment->clip_norm) scale = treatment->clip_norm / norm;
      if (measures()) team.barrier();
    }
    if (measures()) {
      measure(team, tiles, scale, squares);
      team.barrier();
      team.share(count, [&](index i) {
        const index begin = tiles.first[i], n = tiles.first[i + 1] - begin;
        for (int k = 0; k < 2; ++k) tensor_squares[2 * i + k] = sum_by_halves(squares + 2 * begin + k, n, 2);
      });
      team.barrier();
    }
    tiles.share(team, [&](index i, index, index offset, index n) {
      alignas(std::max_align_t) char trusted[fastdl_coefficient_bytes];
      const void* coefficients = tensors[i].coefficients;
      if (tensors[i].trust) {
        std::memcpy(trusted, coefficients, sizeof trusted);
        tensors[i].trust(tensor_squares + 2 * i, trusted);
        coefficients = trusted;
      }
      with_step(tensors[i], *treatment, scale, [&](auto step) { step(offset, n, coefficients); });
    });
  }

  // Each tile's square of the gradient, and whether it is not finite.
  void survey(const Team& team, const Tiles& tiles, double* squares) const {
    tiles.share(team, [&](index i, index tile, index offset, index n) {
      const fastdl_tensor& tensor = tensors[i];
      const auto survey = [&](const auto* g) {
        squares[2 * tile] = sum_squares(g, n);
        squares[2 * tile + 1] = (tensor.is_double ? is_finite<double>(g, n) : is_finite<float>(g, n)) ? 0 : 1;
      };
      if (tensor.storage[1] == fastdl_float64) return survey(static_cast<const double*>(tensor.arrays[1]) + offset);
      if (tensor.storage[1] == fastdl_float32) return survey(static_cast<const float*>(tensor.arrays[1]) + offset);
      float scratch[update_tile] = {};
      Stored{tensor.arrays[1], tensor.size, tensor.storage[1]}.load(offset, n, scratch);
      survey(scratch);
    });
  }

  // Each tile's squares of parameter and direction.
  void measure(const Team& team, const Tiles& tiles, double scale, double* squares) const {
    tiles.share(team, [&](index i, index tile, index offset, index n) {
      with_step(tensors[i], *treatment, scale, [&](auto step) { step.measure(offset, n, squares + 2 * tile); });
    });
  }
};

}  // namespace FASTDL_LEVEL
