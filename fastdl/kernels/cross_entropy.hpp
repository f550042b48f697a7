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
  static constexpr bool has_weights = false;
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
  static constexpr bool has_weights = true;
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

  bool pays() const { return batch * classes >= parallel_exponentials; }
  Scratch scratch() const { return {(2 + batch) * index(sizeof(double)), rows_of_tile(classes) * index(sizeof(T))}; }
  index rows() const { return batch; }
  Operands operands() const {
    const index size = batch * classes;
    return Operands()
        .prepare_reads(labels, batch)
        .rows_read(x, size)
        .rows_read(labels, batch)
        .rows_write(gradient, size)
        .finish_writes(loss, 1);
  }

  // Shared are 1 / the sum of the weights of all labels, the spread, and the loss of each row.
  bool prepares() const { return Target::has_weights; }

  void prepare(const Team& team, Memory memory) const {
    if (team.rank > 0) return;
    double* shared = reinterpret_cast<double*>(memory.shared);
    const double total = target.total(labels, batch);
    shared[0] = total > 0 ? 1 / total : 0;
    shared[1] = target.spread(classes);
  }

  void on_rows(index begin, index end, Memory memory) const {
    double* shared = reinterpret_cast<double*>(memory.shared);
    T* highest = reinterpret_cast<T*>(memory.own);
    const double spread = prepares() ? shared[1] : target.spread(classes);
    each_tile(begin, end, classes, [&](index first, index rows) {
      shifted_exponentials(rows, classes, x + first * classes, highest, gradient + first * classes);
      for (index i = 0; i < rows; ++i) shared[2 + first + i] = finish_row(first + i, highest[i], share(shared), spread);
    });
  }

  void finish(const Team& team, Memory memory) const {
    const double* shared = reinterpret_cast<const double*>(memory.shared);
    if (team.rank == 0) *loss = sum_by_halves(shared + 2, batch, 1) * share(shared);
  }

  double share(const double* shared) const { return prepares() ? shared[0] : 1.0 / batch; }

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
