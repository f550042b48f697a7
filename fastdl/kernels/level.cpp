// One CPU level: the kernels compiled for it, offered to _runtime.pyx as a table in a capsule.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "affine.hpp"
#include "batch_shares.hpp"
#include "cross_entropy.hpp"
#include "decay.hpp"
#include "distributions.hpp"
#include "dropout.hpp"
#include "element_losses.hpp"
#include "elementwise.hpp"
#include "gather.hpp"
#include "layer_norm.hpp"
#include "softmax.hpp"
#include "update.hpp"

#define FASTDL_TEXT_(name) #name
#define FASTDL_TEXT(name) FASTDL_TEXT_(name)
#define FASTDL_JOIN_(a, b) a##b
#define FASTDL_JOIN(a, b) FASTDL_JOIN_(a, b)

namespace FASTDL_LEVEL {
namespace {

template <class T>
const T* in(const void* data) { return static_cast<const T*>(data); }
template <class T>
T* out(void* data) { return static_cast<T*>(data); }

// Each of these hands a kernel on given arrays to the queue.

template <class T>
bool affine_forward(fastdl_queue queue, index batch, index inputs, index outputs, const void* x, const void* w,
                    const void* b, fastdl_activation activation, void* y, void* z) {
  return with_activation(activation, [&](auto f) {
    return submit(queue, AffineForward<decltype(f), T>{f, batch, inputs, outputs, in<T>(x), in<T>(w), in<T>(b), out<T>(y),
                                                       out<T>(z)});
  });
}

template <class T>
bool affine_backward(fastdl_queue queue, index batch, index inputs, index outputs, const void* dout, const void* x,
                     const void* w, const void* saved, fastdl_activation activation, void* dx, void* dw, void* db) {
  return with_activation(activation, [&](auto f) {
    return submit(queue, AffineBackward<decltype(f), T>{f, batch, inputs, outputs, in<T>(dout), in<T>(x), in<T>(w),
                                                        in<T>(saved), out<T>(dx), out<T>(dw), out<T>(db)});
  });
}

template <class T>
bool activation_forward(fastdl_queue queue, index size, const void* x, fastdl_activation activation, void* y) {
  return with_activation(activation, [&](auto f) {
    return submit(queue, ActivationForward<decltype(f), T>{f, size, in<T>(x), out<T>(y)});
  });
}

template <class T>
bool activation_backward(fastdl_queue queue, index size, const void* dout, const void* saved, fastdl_activation activation,
                         void* dx) {
  return with_activation(activation, [&](auto f) {
    return submit(queue, ActivationBackward<decltype(f), T>{f, size, in<T>(dout), in<T>(saved), out<T>(dx)});
  });
}

template <class T>
bool add(fastdl_queue queue, index size, const void* a, const void* b, fastdl_activation activation, void* y) {
  return with_fusible(activation,
                      [&](auto f) { return submit(queue, Add<decltype(f), T>{f, size, in<T>(a), in<T>(b), out<T>(y)}); });
}

template <class T>
bool map_elements(fastdl_queue queue, index size, const fastdl_mapping* mapping) {
  return submit(queue, MapElements<T>{*mapping, size});
}

template <class T>
bool softmax(fastdl_queue queue, index batch, index classes, const void* x, void* y) {
  return submit(queue, Softmax<T>{batch, classes, in<T>(x), out<T>(y)});
}

template <class T>
bool softmax_cross_entropy(fastdl_queue queue, index batch, index classes, const void* x, const std::int64_t* labels,
                           const fastdl_targets* targets, double* loss, void* gradient) {
  return with_targets<T>(*targets, [&](auto target) {
    return submit(queue, SoftmaxCrossEntropy<decltype(target), T>{target, batch, classes, in<T>(x), labels, loss,
                                                                  out<T>(gradient)});
  });
}

template <class T>
bool mean_loss(fastdl_queue queue, fastdl_loss loss, index size, const void* x, const void* t, double* total,
               void* gradient) {
  return with_loss(loss, [&](auto f) {
    return submit(queue, MeanLoss<decltype(f), T>{f, size, in<T>(x), in<T>(t), total, out<T>(gradient)});
  });
}

template <class Source, class T>
bool gather(fastdl_queue queue, index count, index width, const void* data, index data_rows, const std::int64_t* indices,
            double scale, void* result) {
  return submit(queue, Gather<Source, T>{count, width, data_rows, in<Source>(data), indices, T(scale), out<T>(result)});
}

template <class T>
Running<T> running_of(const fastdl_running* running) {
  return {out<T>(running->mean), out<T>(running->variance), running->momentum, running->correction};
}

template <class T, class F>
BatchNormSlopes<F, T> slopes_of(F f, const fastdl_channels* shape, const void* dout, const void* x, const void* statistics,
                                const void* y) {
  return {f, ChannelTiles(*shape, in<T>(x)), in<T>(dout), in<T>(x), in<T>(statistics), in<T>(y)};
}

template <class T>
bool batch_norm_forward(fastdl_queue queue, const fastdl_channels* shape, const void* x, const void* gamma,
                        const void* beta, double eps, fastdl_activation activation, const fastdl_running* running, void* y,
                        void* statistics) {
  const BatchStatistics<T> batch{{ChannelTiles(*shape, in<T>(x)), in<T>(x)}, eps, running_of<T>(running),
                                 out<T>(statistics)};
  return with_fusible(activation, [&](auto f) {
    return submit(queue, BatchNormForward<decltype(f), T>{f, batch, in<T>(gamma), in<T>(beta), out<T>(y)});
  });
}

template <class T>
bool batch_norm_inference(fastdl_queue queue, const fastdl_channels* shape, const void* x, const void* gamma,
                          const void* beta, const void* mean, const void* variance, double eps,
                          fastdl_activation activation, void* y) {
  return with_fusible(activation, [&](auto f) {
    return submit(queue, BatchNormInference<decltype(f), T>{f, ChannelTiles(*shape, in<T>(x)), in<T>(x), in<T>(gamma), in<T>(beta),
                                                            in<T>(mean), in<T>(variance), eps, out<T>(y)});
  });
}

template <class T>
bool batch_norm_backward(fastdl_queue queue, const fastdl_channels* shape, const void* dout, const void* x,
                         const void* gamma, const void* statistics, const void* y, fastdl_activation activation, void* dx,
                         void* dgamma, void* dbeta) {
  return with_fusible(activation, [&](auto f) {
    return submit(queue, BatchNormBackward<decltype(f), T>{slopes_of<T>(f, shape, dout, x, statistics, y), in<T>(gamma),
                                                           out<T>(dx), out<T>(dgamma), out<T>(dbeta)});
  });
}

template <class T>
bool measure_share(fastdl_queue queue, const fastdl_channels* shape, const void* x, double* moments) {
  return submit(queue, MeasureShare<T>{{ChannelTiles(*shape, in<T>(x)), in<T>(x)}, moments});
}

template <class T>
bool combine_shares(fastdl_queue queue, index shares, index channels, const double* counts, const double* moments, double eps,
                    const fastdl_running* running, void* statistics) {
  return submit(queue, CombineShares<T>{shares, channels, counts, moments, eps, running_of<T>(running), out<T>(statistics)});
}

template <class T>
bool normalize_share(fastdl_queue queue, const fastdl_channels* shape, const void* x, const void* gamma, const void* beta,
                     const void* statistics, fastdl_activation activation, void* y) {
  return with_fusible(activation, [&](auto f) {
    return submit(queue, NormalizeShare<decltype(f), T>{f, ChannelTiles(*shape, in<T>(x)), in<T>(x), in<T>(gamma), in<T>(beta),
                                                        in<T>(statistics), out<T>(y)});
  });
}

template <class T>
bool sum_slopes(fastdl_queue queue, const fastdl_channels* shape, const void* dout, const void* x, const void* statistics,
                const void* y, fastdl_activation activation, double* sums) {
  return with_fusible(activation, [&](auto f) {
    return submit(queue, SumSlopes<decltype(f), T>{slopes_of<T>(f, shape, dout, x, statistics, y), sums});
  });
}

template <class T>
bool apply_slopes(fastdl_queue queue, const fastdl_channels* shape, const void* dout, const void* x, const void* gamma,
                  const void* statistics, const double* sums, double count, const void* y, fastdl_activation activation,
                  void* dx) {
  return with_fusible(activation, [&](auto f) {
    return submit(queue, ApplySlopes<decltype(f), T>{slopes_of<T>(f, shape, dout, x, statistics, y), in<T>(gamma), sums, count,
                                                     out<T>(dx)});
  });
}

template <class T>
bool layer_norm_forward(fastdl_queue queue, index rows, index features, const void* x, const void* gamma, const void* beta,
                        double eps, void* y, void* statistics) {
  return submit(queue, LayerNormForward<T>{rows, features, in<T>(x), in<T>(gamma), in<T>(beta), eps, out<T>(y),
                                           out<T>(statistics)});
}

template <class T>
bool layer_norm_backward(fastdl_queue queue, index rows, index features, const void* dout, const void* x,
                         const void* gamma, const void* statistics, void* dx, void* dgamma, void* dbeta) {
  return submit(queue, LayerNormBackward<T>{rows, features, in<T>(dout), in<T>(x), in<T>(gamma), in<T>(statistics),
                                            out<T>(dx), out<T>(dgamma), out<T>(dbeta)});
}

bool random_bits(fastdl_queue queue, index size, const fastdl_source* source, std::uint32_t* result) {
  return submit(queue, RandomBits{size, *source, result});
}

template <class T>
bool random_uniform(fastdl_queue queue, index size, const fastdl_source* source, double low, double high, void* result) {
  return submit(queue, Distribution<T>{uniforms, size, *source, low, high - low, out<T>(result)});
}

template <class T>
bool random_normal(fastdl_queue queue, index size, const fastdl_source* source, double mean, double std, void* result) {
  return submit(queue, Distribution<T>{normals, size, *source, mean, std, out<T>(result)});
}

bool count_step(fastdl_queue queue, std::uint32_t* counter) { return submit(queue, CountStep{counter}); }

template <class T>
bool dropout_forward(fastdl_queue queue, index size, const void* x, fastdl_activation activation, const fastdl_mask* mask,
                     double scale, void* y) {
  return with_fusible(activation, [&](auto f) {
    return submit(queue, DropoutForward<decltype(f), T>{f, size, in<T>(x), *mask, T(scale), out<T>(y)});
  });
}

template <class T>
bool dropout_backward(fastdl_queue queue, index size, const void* dout, const void* y, fastdl_activation activation,
                      const fastdl_mask* mask, double scale, void* dx) {
  return with_fusible(activation, [&](auto f) {
    // The identity's derivative does not need y.
    return submit(queue, DropoutBackward<decltype(f), T>{f, size, in<T>(dout), in<T>(y ? y : dout), *mask, T(scale),
                                                         T(1 / scale), out<T>(dx)});
  });
}

template <class T>
bool decay_gradient(fastdl_queue queue, index size, double rate, const void* w, void* dw, double* loss) {
  return submit(queue, DecayGradient<T>{size, rate, in<T>(w), out<T>(dw), loss});
}

bool encode_state(fastdl_queue queue, index size, const float* from, fastdl_storage storage, const fastdl_source* source,
                  std::uint16_t salt, void* to) {
  return submit(queue, EncodeState{size, from, storage, *source, salt, to});
}

bool decode_state(fastdl_queue queue, index size, const void* from, fastdl_storage storage, float* to) {
  return submit(queue, DecodeState{size, from, storage, to});
}

struct Nothing {
  bool pays() const { return false; }
  void operator()(const Team&, Memory) const {}
};

bool run_plan_alone(int threads, const fastdl_plan* plan) { return run_plan(threads, plan, Nothing()); }

// The plan, which may be null, and then the update, in one region.
fastdl_outcome update(int threads, const fastdl_plan* plan, const fastdl_tensor* tensors, index count,
                      const fastdl_treatment* treatment) {
  fastdl_outcome outcome = fastdl_done;
  const Update last{tensors, count, treatment, &outcome};
  const bool done = plan ? run_plan(threads, plan, last) : submit({threads, nullptr}, last);
  return done ? outcome : fastdl_no_memory;
}

const fastdl_kernels kernels = {
    FASTDL_TEXT(FASTDL_LEVEL),
    FASTDL_VECTOR_BYTES,
    {affine_forward<float>, affine_forward<double>},
    {affine_backward<float>, affine_backward<double>},
    {activation_forward<float>, activation_forward<double>},
    {activation_backward<float>, activation_backward<double>},
    {add<float>, add<double>},
    {map_elements<float>, map_elements<double>},
    {softmax<float>, softmax<double>},
    {softmax_cross_entropy<float>, softmax_cross_entropy<double>},
    {mean_loss<float>, mean_loss<double>},
    {{gather<std::uint8_t, float>, gather<std::uint8_t, double>},
     {gather<float, float>, gather<float, double>},
     {gather<double, float>, gather<double, double>}},
    {batch_norm_forward<float>, batch_norm_forward<double>},
    {batch_norm_inference<float>, batch_norm_inference<double>},
    {batch_norm_backward<float>, batch_norm_backward<double>},
    {measure_share<float>, measure_share<double>},
    {combine_shares<float>, combine_shares<double>},
    {normalize_share<float>, normalize_share<double>},
    {sum_slopes<float>, sum_slopes<double>},
    {apply_slopes<float>, apply_slopes<double>},
    {layer_norm_forward<float>, layer_norm_forward<double>},
    {layer_norm_backward<float>, layer_norm_backward<double>},
    random_bits,
    count_step,
    {random_uniform<float>, random_uniform<double>},
    {random_normal<float>, random_normal<double>},
    {dropout_forward<float>, dropout_forward<double>},
    {dropout_backward<float>, dropout_backward<double>},
    encode_state,
    decode_state,
    {decay_gradient<float>, decay_gradient<double>},
    update,
    new_plan,
    delete_plan,
    complete,
    rebind,
    run_plan_alone,
    rules,
    sizeof rules / sizeof rules[0],
};

}  // namespace
}  // namespace FASTDL_LEVEL

extern "C" PyMODINIT_FUNC FASTDL_JOIN(PyInit__level_, FASTDL_LEVEL)(void) {
  static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_level_" FASTDL_TEXT(FASTDL_LEVEL), nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};
  PyObject* module = PyModule_Create(&definition);
  if (!module) return nullptr;
  PyObject* capsule = PyCapsule_New(const_cast<fastdl_kernels*>(&FASTDL_LEVEL::kernels), "fastdl_kernels", nullptr);
  if (!capsule || PyModule_AddObject(module, "kernels", capsule) < 0) {
    Py_XDECREF(capsule);
    Py_DECREF(module);
    return nullptr;
  }
  return module;
}
