// The optimizer's engine: one rule over many tensors, in one region.
//
// a. A tensor is cut into tiles of fixed size; a member takes a run of tiles that holds its share of all elements.
// b. The rule sees a tile: pointers and a count. A call through a pointer costs little for a tile, much for an element.
// c. A rule is arithmetic on one element of each array; apply() is the only loop, compiled once for each rule and dtype.
#pragma once

#include <algorithm>
#include <new>
#include <utility>

#include "rules/adagrad.hpp"
#include "rules/adam.hpp"
#include "rules/momentum.hpp"
#include "rules/sgd.hpp"
#include "table.hpp"
#include "team.hpp"
#include "workspace.hpp"

namespace FASTDL_LEVEL {

template <class Rule, class T, class... State>
void apply(index n, const Rule rule, T* __restrict p, const T* __restrict g, State* __restrict... state) {
#pragma GCC ivdep
  for (index i = 0; i < n; ++i) rule(p[i], g[i], state[i]...);
}

template <class Rule, class T, std::size_t... STATES>
void tile_of(std::int64_t n, void* const* arrays, const void* coefficients, std::index_sequence<STATES...>) {
  apply<Rule, T>(n, *static_cast<const Rule*>(coefficients), static_cast<T*>(arrays[0]), static_cast<const T*>(arrays[1]),
                 static_cast<T*>(arrays[2 + STATES])...);
}

constexpr int count_words(const char* text) {
  int words = *text ? 1 : 0;
  for (; *text; ++text) words += *text == ' ';
  return words;
}

template <class Rule, class T>
void tile(std::int64_t n, void* const* arrays, const void* coefficients) {
  tile_of<Rule, T>(n, arrays, coefficients, std::make_index_sequence<count_words(Rule::states)>());
}

template <class Rule>
void prepare(double t, const double* hyper, void* coefficients) {
  static_assert(sizeof(Rule) <= fastdl_coefficient_bytes && count_words(Rule::states) <= fastdl_max_states &&
                count_words(Rule::hyper) <= fastdl_max_hyper);
  new (coefficients) Rule(t, hyper);
}

template <template <class> class Rule>
constexpr fastdl_rule rule() {
  return {Rule<float>::name,
          Rule<float>::states,
          Rule<float>::hyper,
          {prepare<Rule<float>>, prepare<Rule<double>>},
          {tile<Rule<float>, float>, tile<Rule<double>, double>}};
}

constexpr fastdl_rule rules[] = {rule<SGD>(), rule<Momentum>(), rule<AdaGrad>(), rule<Adam>()};

constexpr index update_tile = 1024;             // elements
constexpr index tensor_cost = 64;               // what a tensor costs by itself, in elements
constexpr index parallel_updated = 24 * 1024;   // elements below which a region costs more than it gains

inline bool update(int threads, const fastdl_tensor* tensors, index count) {
  index* before = static_cast<index*>(workspace((count + 1) * sizeof(index)));  // the cost of all tensors before each
  if (!before) return false;
  before[0] = 0;
  for (index i = 0; i < count; ++i) before[i + 1] = before[i] + tensors[i].size + tensor_cost;
  const index total = before[count];

  run(total < parallel_updated ? 1 : threads, [&](const Team& team) {
    const index begin = team.rank * total / team.size, end = (team.rank + 1) * total / team.size;
    // This member's tiles are those that start within [begin, end).
    for (index i = std::upper_bound(before, before + count + 1, begin) - before - 1; i < count && before[i] < end; ++i) {
      const fastdl_tensor& tensor = tensors[i];
      index offset = std::max(ceil_div(begin - before[i], update_tile), index(0)) * update_tile;
      for (; offset < tensor.size && before[i] + offset < end; offset += update_tile) {
        void* arrays[2 + fastdl_max_states];
        for (int k = 0; k < tensor.array_count; ++k) arrays[k] = static_cast<char*>(tensor.arrays[k]) + offset * tensor.item;
        tensor.tile(std::min(tensor.size - offset, update_tile), arrays, tensor.coefficients);
      }
    }
  });
  return true;
}

}  // namespace FASTDL_LEVEL
