// One CPU level: the kernels compiled for it, offered to _runtime.pyx as a table in a capsule.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "affine.hpp"
#include "distributions.hpp"
#include "dropout.hpp"
#include "gather.hpp"
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

template <class T>
bool affine_forward_of(int threads, index batch, index inputs, index outputs, const void* x, const void* w, const void* b,
                       int activation, void* y) {
  return affine_forward<T>(threads, batch, inputs, outputs, in<T>(x), in<T>(w), in<T>(b), activation, out<T>(y));
}

template <class T>
bool affine_backward_of(int threads, index batch, index inputs, index outputs, const void* dout, const void* x,
                        const void* w, const void* y, int activation, void* dx, void* dw, void* db) {
  return affine_backward<T>(threads, batch, inputs, outputs, in<T>(dout), in<T>(x), in<T>(w), in<T>(y), activation,
                            out<T>(dx), out<T>(dw), out<T>(db));
}

template <class T>
void activation_forward_of(int threads, index size, const void* x, int activation, void* y) {
  activation_forward<T>(threads, size, in<T>(x), activation, out<T>(y));
}

template <class T>
void activation_backward_of(int threads, index size, const void* dout, const void* y, int activation, void* dx) {
  activation_backward<T>(threads, size, in<T>(dout), in<T>(y), activation, out<T>(dx));
}

template <class T>
void softmax_of(int threads, index batch, index classes, const void* x, void* y) {
  softmax<T>(threads, batch, classes, in<T>(x), out<T>(y));
}

template <class T>
bool softmax_cross_entropy_of(int threads, index batch, index classes, const void* x, const std::int64_t* labels,
                              double* loss, void* gradient) {
  return softmax_cross_entropy<T>(threads, batch, classes, in<T>(x), labels, loss, out<T>(gradient));
}

template <class Source, class T>
void gather_of(int threads, index count, index width, const void* data, const std::int64_t* indices, double scale,
               void* result) {
  gather<Source, T>(threads, count, width, in<Source>(data), indices, scale, out<T>(result));
}

template <class T>
void random_uniform_of(int threads, index size, const fastdl_source* source, double low, double high, void* result) {
  random_uniform<T>(threads, size, source, low, high, out<T>(result));
}

template <class T>
void random_normal_of(int threads, index size, const fastdl_source* source, double mean, double std, void* result) {
  random_normal<T>(threads, size, source, mean, std, out<T>(result));
}

template <class T>
void dropout_forward_of(int threads, index size, const void* x, int activation, const fastdl_source* source, int dropped,
                        double scale, void* y) {
  dropout_forward<T>(threads, size, in<T>(x), activation, source, dropped, scale, out<T>(y));
}

template <class T>
void dropout_backward_of(int threads, index size, const void* dout, const void* y, int activation,
                         const fastdl_source* source, int dropped, double scale, void* dx) {
  dropout_backward<T>(threads, size, in<T>(dout), in<T>(y), activation, source, dropped, scale, out<T>(dx));
}

const fastdl_kernels kernels = {
    FASTDL_TEXT(FASTDL_LEVEL),
    FASTDL_VECTOR_BYTES,
    {affine_forward_of<float>, affine_forward_of<double>},
    {affine_backward_of<float>, affine_backward_of<double>},
    {activation_forward_of<float>, activation_forward_of<double>},
    {activation_backward_of<float>, activation_backward_of<double>},
    {softmax_of<float>, softmax_of<double>},
    {softmax_cross_entropy_of<float>, softmax_cross_entropy_of<double>},
    {{gather_of<std::uint8_t, float>, gather_of<std::uint8_t, double>},
     {gather_of<float, float>, gather_of<float, double>},
     {gather_of<double, float>, gather_of<double, double>}},
    random_bits,
    {random_uniform_of<float>, random_uniform_of<double>},
    {random_normal_of<float>, random_normal_of<double>},
    {dropout_forward_of<float>, dropout_forward_of<double>},
    {dropout_backward_of<float>, dropout_backward_of<double>},
    update,
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
