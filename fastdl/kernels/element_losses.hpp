// Losses that are means over all elements of a loss of each, and their gradients, in one pass.
#pragma once

#include "math.hpp"
#include "plan.hpp"
#include "sums.hpp"

namespace FASTDL_LEVEL {

// An element's loss, and its derivative by x.
template <class T>
struct Term {
  T loss;
  T slope;
};

// -t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), of terms that are nowhere negative: nothing cancels. The derivative
// sigmoid(x) - t is (1 - t) sigmoid(x) - t sigmoid(-x), which keeps its digits where x and t agree.
struct SigmoidCrossEntropy {
  template <class T>
  Term<T> operator()(T x, T t) const {
    const bool is_left = x < 0;
    const T e = exp(-std::fabs(x)), linear = is_left ? -x * t : x * (1 - t);
    const T up = (1 - t) * (is_left ? e : T(1)), down = t * (is_left ? T(1) : e);
    return {linear + log1p(e), quotient<T>({up - down, T(0)}, T(1), {e, T(0)})};
  }
};

struct SquaredError {
  template <class T>
  Term<double> operator()(T x, T t) const {
    const double d = double(x) - double(t);
    return {d * d, 2 * d};
  }
};

// Huber 1964: half the square, and beyond delta a line of that slope.
struct Huber {
  double delta;
  template <class T>
  Term<double> operator()(T x, T t) const {
    const double d = double(x) - double(t), slope = d < -delta ? -delta : d > delta ? delta : d;
    return {slope * (d - slope / 2), slope};
  }
};

// Calls work(f) with the loss of that number, the order of the border's, and returns what it does.
template <class Work>
bool with_loss(fastdl_loss loss, Work work) {
  switch (loss.number) {
    case 0: return work(SigmoidCrossEntropy{});
    case 1: return work(SquaredError{});
    default: return work(Huber{loss.delta});
  }
}

constexpr index loss_tile = 4096;  // elements
constexpr index parallel_losses = 1 << 14;

template <class F, class T>
struct MeanLoss {
  F f;
  index size;
  const T* x;
  const T* t;
  double* total;
  T* gradient;

  index tiles() const { return ceil_div(size, loss_tile); }

  bool pays() const { return size >= parallel_losses; }
  Scratch scratch() const { return {tiles() * index(sizeof(double)), 0}; }

  void operator()(const Team& team, Memory memory) const {
    double* losses = reinterpret_cast<double*>(memory.shared);
    team.share(tiles(), [&](index tile) {
      const index first = tile * loss_tile;
      losses[tile] = add_tile(first, std::min(size - first, loss_tile));
    });
    team.barrier();
    if (team.rank > 0) return;
    double sum = 0;
    for (index tile = 0; tile < tiles(); ++tile) sum += losses[tile];
    *total = sum / size;
  }

  // Writes a tile's gradient, and returns the sum of its losses.
  double add_tile(index first, index count) const {
    const F each = f;
    const T* x_ = x + first;
    const T* t_ = t + first;
    T* gradient_ = gradient + first;
    const double share = 1.0 / size;
    RunSums<1> sums;
    sums.add_run(count, [=](index i, double (&s)[1]) {
      const auto term = each(x_[i], t_[i]);
      gradient_[i] = T(term.slope * decltype(term.slope)(share));
      s[0] += term.loss;
    });
    return sums.total(0);
  }
};

}  // namespace FASTDL_LEVEL
