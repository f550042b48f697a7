// The table of rules: for each its names, and its functions for a tile in float32 and float64.
//
// A rule is a class whose constructor works out, in double precision and once a step, what does not depend on the element;
// operator() is the arithmetic on one element of each array. apply() is the only loop over elements.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include "../squares.hpp"
#include "../table.hpp"
#include "adadelta.hpp"
#include "adagrad.hpp"
#include "adam.hpp"
#include "adamax.hpp"
#include "ftrl.hpp"
#include "lamb.hpp"
#include "lion.hpp"
#include "momentum.hpp"
#include "nadam.hpp"
#include "nesterov.hpp"
#include "radam.hpp"
#include "rmsprop.hpp"
#include "sgd.hpp"

namespace FASTDL_LEVEL {

constexpr index update_tile = 1024;  // elements

constexpr std::size_t count_words(const char* text) {
  std::size_t words = *text ? 1 : 0;
  for (; *text; ++text) words += *text == ' ';
  return words;
}

template <class Rule>
using States = std::make_index_sequence<count_words(Rule::states)>;

template <class Rule, class T, class... State>
void apply(index n, const Rule rule, T* __restrict p, const T* __restrict g, State* __restrict... state) {
#pragma GCC ivdep
  for (index i = 0; i < n; ++i) rule(p[i], g[i], state[i]...);
}

template <class Rule, class T, std::size_t... STATES>
void tile(std::int64_t n, void* const* arrays, const void* coefficients, std::index_sequence<STATES...>) {
  apply<Rule, T>(n, *static_cast<const Rule*>(coefficients), static_cast<T*>(arrays[0]), static_cast<const T*>(arrays[1]),
                 static_cast<T*>(arrays[2 + STATES])...);
}

template <class Rule, class T>
void tile(std::int64_t n, void* const* arrays, const void* coefficients) {
  tile<Rule, T>(n, arrays, coefficients, States<Rule>());
}

template <class Rule>
void prepare(double t, const double* hyper, void* coefficients) {
  static_assert(sizeof(Rule) <= fastdl_coefficient_bytes && count_words(Rule::states) <= fastdl_max_states &&
                count_words(Rule::hyper) <= fastdl_max_hyper);
  new (coefficients) Rule(t, hyper);
}

template <class Rule, class T, class... State>
void direct(index n, const Rule rule, const T* __restrict p, const T* __restrict g, T* __restrict u,
            State* __restrict... state) {
#pragma GCC ivdep
  for (index i = 0; i < n; ++i) u[i] = rule.measure(p[i], g[i], state[i]...);
}

template <class Rule, class T, std::size_t... STATES>
void measure(std::int64_t n, void* const* arrays, const void* coefficients, double* squares, std::index_sequence<STATES...>) {
  T u[update_tile];
  const T* p = static_cast<const T*>(arrays[0]);
  direct<Rule, T>(n, *static_cast<const Rule*>(coefficients), p, static_cast<const T*>(arrays[1]), u,
                  static_cast<T*>(arrays[2 + STATES])...);
  squares[0] += sum_squares(p, n);
  squares[1] += sum_squares(u, n);
}

template <class Rule, class T>
void measure(std::int64_t n, void* const* arrays, const void* coefficients, double* squares) {
  measure<Rule, T>(n, arrays, coefficients, squares, States<Rule>());
}

template <class Rule>
void trust(const double* squares, void* coefficients) {
  static_cast<Rule*>(coefficients)->trust(squares[0], squares[1]);
}

template <class Rule, class = void>
struct Measures : std::false_type {};
template <class Rule>
struct Measures<Rule, std::void_t<decltype(&Rule::measure)>> : std::true_type {};

template <template <class> class Rule>
constexpr fastdl_rule rule(const char* name = Rule<float>::name) {
  fastdl_rule row = {name,
                     Rule<float>::states,
                     Rule<float>::hyper,
                     {prepare<Rule<float>>, prepare<Rule<double>>},
                     {tile<Rule<float>, float>, tile<Rule<double>, double>},
                     {nullptr, nullptr},
                     {nullptr, nullptr}};
  if constexpr (Measures<Rule<float>>::value) {
    row.measure[0] = measure<Rule<float>, float>;
    row.measure[1] = measure<Rule<double>, double>;
    row.trust[0] = trust<Rule<float>>;
    row.trust[1] = trust<Rule<double>>;
  }
  return row;
}

// RMSprop comes in two forms, each with and without centering and momentum.
template <class T> using RMSprop = RMSpropPlain<T, RMSpropOutside<T>>;
template <class T> using RMSpropM = RMSpropMomentum<T, RMSpropOutside<T>>;
template <class T> using RMSpropC = RMSpropCentered<T, RMSpropOutside<T>>;
template <class T> using RMSpropCM = RMSpropCenteredMomentum<T, RMSpropOutside<T>>;
template <class T> using RMSpropInsidePlain = RMSpropPlain<T, RMSpropInside<T>>;
template <class T> using RMSpropInsideM = RMSpropMomentum<T, RMSpropInside<T>>;
template <class T> using RMSpropInsideC = RMSpropCentered<T, RMSpropInside<T>>;
template <class T> using RMSpropInsideCM = RMSpropCenteredMomentum<T, RMSpropInside<T>>;

constexpr fastdl_rule rules[] = {
    rule<SGD>(),
    rule<Momentum>(),
    rule<MomentumOutside>(),
    rule<Nesterov>(),
    rule<NesterovOutside>(),
    rule<AdaGrad>(),
    rule<AdaGradInside>(),
    rule<RMSprop>("rmsprop"),
    rule<RMSpropM>("rmsprop_momentum"),
    rule<RMSpropC>("rmsprop_centered"),
    rule<RMSpropCM>("rmsprop_centered_momentum"),
    rule<RMSpropInsidePlain>("rmsprop_inside"),
    rule<RMSpropInsideM>("rmsprop_inside_momentum"),
    rule<RMSpropInsideC>("rmsprop_inside_centered"),
    rule<RMSpropInsideCM>("rmsprop_inside_centered_momentum"),
    rule<Adadelta>(),
    rule<Adam>(),
    rule<AdamPaper>(),
    rule<AMSGrad>(),
    rule<AMSGradPaper>(),
    rule<AMSGradCorrected>(),
    rule<Adamax>(),
    rule<AdamaxInside>(),
    rule<Nadam>(),
    rule<RAdam>(),
    rule<RAdamPaper>(),
    rule<Ftrl>(),
    rule<Lion>(),
    rule<LAMB>(),
};

}  // namespace FASTDL_LEVEL
