// Weight decay in the loss: loss = rate / 2 sum W^2, whose gradient rate W is added to dW.
#pragma once

#include "activations.hpp"
#include "squares.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct DecayGradient {
  index size;
  double rate;
  const T* w;
  T* dw;  // or null
  double* loss;

  bool pays() const { return size >= parallel_activated; }
  Scratch scratch() const { return {ceil_div(size, activation_tile) * index(sizeof(double)), 0}; }

  void operator()(const Team& team, Memory memory) const {
    double* squares = reinterpret_cast<double*>(memory.shared);
    const T factor = T(rate);
    share_elements(team, size, [&](index offset, index count) {
      squares[offset / activation_tile] = sum_squares(w + offset, count);
      if (dw)
        for (index i = offset; i < offset + count; ++i) dw[i] += factor * w[i];
    });
    team.barrier();
    if (team.rank > 0) return;
    double total = 0;
    for (index tile = 0; tile < ceil_div(size, activation_tile); ++tile) total += squares[tile];
    *loss = rate / 2 * total;
  }
};

}  // namespace FASTDL_LEVEL
