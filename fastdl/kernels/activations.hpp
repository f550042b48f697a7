// Activations: y = f(x), and dx = dout f'(x). Each says what its derivative is computed from: the result y, or the input x.
#pragma once

#include <algorithm>

#include "gated.hpp"
#include "plan.hpp"

namespace FASTDL_LEVEL {

// Derivatives from the result.

struct Identity {
  template <class T> T forward(T x) const { return x; }
  template <class T> T backward(T dout, T) const { return dout; }
};

// Glorot, Bordes and Bengio 2011. A NaN stays one; the derivative at 0 is taken as 0.
struct ReLU {
  template <class T> T forward(T x) const { return x < 0 ? T(0) : x; }
  template <class T> T backward(T dout, T y) const { return y > 0 ? dout : T(0); }
};

struct Sigmoid {
  template <class T> T forward(T x) const { return sigmoid(x); }
  template <class T> T backward(T dout, T y) const { return dout * (y * (1 - y)); }
};

struct Tanh {
  template <class T> T forward(T x) const { return tanh(x); }
  template <class T> T backward(T dout, T y) const { return dout * (1 - y * y); }
};

// Maas, Hannun and Ng 2013. The derivative at 0 is taken as alpha.
struct LeakyReLU {
  double alpha;  // > 0, so that y has the sign of x
  template <class T> T forward(T x) const { return x < 0 ? T(alpha) * x : x; }
  template <class T> T backward(T dout, T y) const {
    const T left = T(alpha) * dout;
    return y > 0 ? dout : left;
  }
};

// Clevert, Unterthiner and Hochreiter 2016. The derivative at 0 is taken as alpha.
struct ELU {
  double alpha;  // > 0
  template <class T> T forward(T x) const {
    const Pair<T> e = expm1(x);
    return x < 0 ? T(alpha) * e.value + T(alpha) * e.lost : x;
  }
  template <class T> T backward(T dout, T y) const {
    const T left = dout * (y + T(alpha));
    return y > 0 ? dout : left;
  }
};

// Dugas et al. 2001. The derivative is sigmoid(x) = 1 - exp(-y).
struct Softplus {
  template <class T> T forward(T x) const { return softplus(x); }
  template <class T> T backward(T dout, T y) const { return -dout * expm1(-y).value; }
};

// Derivatives from the input: these are not monotonic, so their result does not tell it.

struct GELU {
  template <class T> T forward(T x) const { return gelu(x); }
  template <class T> T backward(T dout, T x) const { return dout * gelu_slope(x); }
};

struct GELUTanh {
  template <class T> T forward(T x) const { return gelu_tanh(x); }
  template <class T> T backward(T dout, T x) const { return dout * gelu_tanh_slope(x); }
};

struct SiLU {
  template <class T> T forward(T x) const { return silu(x); }
  template <class T> T backward(T dout, T x) const { return dout * silu_slope(x); }
};

// Calls work(f) with the activation of that number, the order of ACTIVATIONS in _activations.pyx, and returns what it does:
// of those whose derivative comes from y, which other kernels than the affine layer's may apply in the same pass.
template <class Work>
bool with_fusible(fastdl_activation activation, Work work) {
  switch (activation.number) {
    case 0: return work(Identity{});
    case 1: return work(ReLU{});
    case 2: return work(Sigmoid{});
    case 3: return work(Tanh{});
    case 4: return work(LeakyReLU{activation.alpha});
    case 5: return work(ELU{activation.alpha});
    default: return work(Softplus{});
  }
}

// Of all activations.
template <class Work>
bool with_activation(fastdl_activation activation, Work work) {
  switch (activation.number) {
    case 7: return work(GELU{});
    case 8: return work(GELUTanh{});
    case 9: return work(SiLU{});
    default: return with_fusible(activation, work);
  }
}

template <class F, class T>
void activate(F f, const T* x, T* y, index count) {
  for (index i = 0; i < count; ++i) y[i] = f.forward(x[i]);
}

template <class F, class T>
void backpropagate(F f, const T* dout, const T* saved, T* dx, index count) {
  for (index i = 0; i < count; ++i) dx[i] = f.backward(dout[i], saved[i]);
}

constexpr index activation_tile = 2048;  // elements

// Calls work(offset, count) for this member's tiles of an array of so many elements.
template <class Work>
void share_elements(const Team& team, index size, Work work) {
  team.share(ceil_div(size, activation_tile), [&](index tile) {
    const index offset = tile * activation_tile;
    work(offset, std::min(size - offset, activation_tile));
  });
}

constexpr index parallel_activated = 1 << 15;  // elements

template <class F, class T>
struct ActivationForward {
  F f;
  index size;
  const T* x;
  T* y;

  bool pays() const { return size >= parallel_activated; }
  index rows() const { return size; }
  Operands operands() const { return Operands().rows_read(x, size).rows_write(y, size); }
  void on_rows(index begin, index end, Memory) const { activate(f, x + begin, y + begin, end - begin); }
};

template <class F, class T>
struct ActivationBackward {
  F f;
  index size;
  const T* dout;
  const T* saved;  // what the derivative is computed from
  T* dx;

  bool pays() const { return size >= parallel_activated; }
  index rows() const { return size; }
  Operands operands() const { return Operands().rows_read(dout, size).rows_read(saved, size).rows_write(dx, size); }
  void on_rows(index begin, index end, Memory) const { backpropagate(f, dout + begin, saved + begin, dx + begin, end - begin); }
};

}  // namespace FASTDL_LEVEL
