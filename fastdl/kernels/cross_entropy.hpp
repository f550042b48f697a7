// Cross-entropy of the softmax of (batch, classes) against class numbers, and its gradient.
//
// A row's target is a weight a at its label, and weights r_c at all classes where labels are smoothed. With
// d = x - max of the row and p = softmax(x), its loss is the sum of -(target) log p, that is
//   (a + sum r) log(sum exp d) - a d_label - sum r_c d_c,
// and the loss's gradient (a + sum r) p - target. The mean divides by the sum of the weights of all labels.
#pragma once

#include "softmax.hpp"
#include "sums.hpp"

namespace FASTDL_LEVEL {

// Every row has the weight 1 at its label.
template <class T>
struct OneHot {
  double total(const std::int64_t*, index batch) const { return batch; }  // of the weights of all labels
  bool leaves_out(std::int64_t) const { return false; }                   // whether a row with this label counts as none
  double at_label(std::int64_t) const { return 1; }                       // a
  double spread(index) const { return 0; }                                // sum r

  // Makes a row's gradient of its exponentials, but for the weight at the label, and returns sum r_c d_c.
  double finish(index classes, const T*, T, T scale, double, T* row) const {
    for (index j = 0; j < classes; ++j) row[j] *= scale;
    return 0;
  }
};

// A row has the weight of its class, or is left out.
template <class T>
struct Weighted : OneHot<T> {
  const T* weights;
  std::int64_t ignored;

  bool leaves_out(std::int64_t label) const { return label == ignored; }
  double at_label(std::int64_t label) const { return weights[label]; }

  double total(const std::int64_t* labels, index batch) const {
    double partial[8] = {};  // in a fixed order
    for (index i = 0; i < batch; ++i) partial[i % 8] += leaves_out(labels[i]) ? 0.0 : double(weights[labels[i]]);
    double sum = 0;
    for (int q = 0; q < 8; ++q) sum += partial[q];
    return sum;
  }
};

// A share of the label's weight goes to all classes: target = weights ((1 - smoothing) onehot + smoothing / classes).
template <class T>
struct Smoothed : Weighted<T> {
  double smoothing;

  double at_label(std::int64_t label) const { return (1 - smoothing) * this->weights[label]; }
  double spread(index classes) const { return smoothing / classes * sum_row(this->weights, classes); }

  double finish(index classes, const T* logits, T highest, T scale, double share, T* row) const {
    const T* weights = this->weights;
    const double each = smoothing / classes;
    const T less = T(each * share);
    for (index j = 0; j < classes; ++j) row[j] = row[j] * scale - weights[j] * less;
    RunSums<1> sums;
    sums.add_run(classes, [&](index j, double (&s)[1]) { s[0] += weights[j] * (double(logits[j]) - double(highest)); });
    return each * sums.total(0);
  }
};

template <class Target, class T>
struct SoftmaxCrossEntropy {
  Target target;
  index batch, classes;
  const T* x;
  const std::int64_t* labels;
  double* loss;
  T* gradient;

  index tiles() const { return ceil_div(batch, rows_of_tile(classes)); }

  bool pays() const { return batch * classes >= parallel_exponentials; }
  Scratch scratch() const { return {tiles() * index(sizeof(double)), rows_of_tile(classes) * index(sizeof(T))}; }

  void operator()(const Team& team, Memory memory) const {
    double* losses = reinterpret_cast<double*>(memory.shared);
    T* highest = reinterpret_cast<T*>(memory.own);
    // Each member adds the weights up for itself, in the same order, rather than wait for another.
    const double total = target.total(labels, batch), share = total > 0 ? 1 / total : 0;
    const double spread = target.spread(classes);
    share_rows(team, batch, classes, [&](index tile, index first, index rows) {
      shifted_exponentials(rows, classes, x + first * classes, highest, gradient + first * classes);
      double sum_of_losses = 0;
      for (index i = 0; i < rows; ++i) sum_of_losses += finish_row(first + i, highest[i], share, spread);
      losses[tile] = sum_of_losses;
    });
    team.barrier();
    if (team.rank > 0) return;
    double sum_of_losses = 0;
    for (index tile = 0; tile < tiles(); ++tile) sum_of_losses += losses[tile];
    *loss = sum_of_losses * share;
  }

  // Makes a row's gradient of its exponentials, and returns its loss.
  double finish_row(index i, T highest, double share, double spread) const {
    const T* logits = x + i * classes;
    T* row = gradient + i * classes;
    const std::int64_t label = labels[i];
    if (target.leaves_out(label)) {
      std::fill_n(row, classes, T(0));  // not 0 times the row, in which there may be a NaN
      return 0;
    }
    const double sum = sum_row(row, classes), at_label = target.at_label(label), mass = at_label + spread;
    const double smoothed = target.finish(classes, logits, highest, T(mass * share / sum), share, row);
    row[label] -= T(at_label * share);
    return mass * std::log(sum) - at_label * (double(logits[label]) - double(highest)) - smoothed;
  }
};

// Calls work(target) with what the targets are, and returns what it does.
template <class T, class Work>
bool with_targets(const fastdl_targets& targets, Work work) {
  const T* weights = static_cast<const T*>(targets.class_weights);
  if (!weights) return work(OneHot<T>{});
  const Weighted<T> weighted{{}, weights, targets.ignored};
  if (targets.smoothing == 0) return work(weighted);
  return work(Smoothed<T>{weighted, targets.smoothing});
}

}  // namespace FASTDL_LEVEL
