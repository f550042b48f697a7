from libc.stdint cimport int64_t

cdef extern from "table.hpp" nogil:
    ctypedef Py_ssize_t fastdl_index
    ctypedef void (*fastdl_tile)(int64_t n, void** arrays, const void* coefficients) noexcept
    ctypedef void (*fastdl_prepare)(double t, const double* hyper, void* coefficients) noexcept
    const int fastdl_steps_to_clear
    const int fastdl_max_states
    const int fastdl_max_hyper
    const int fastdl_coefficient_bytes
    ctypedef void (*fastdl_measure)(int64_t n, void** arrays, const void* coefficients, double* squares) noexcept
    ctypedef void (*fastdl_trust)(const double* squares, void* coefficients) noexcept
    ctypedef struct fastdl_rule:
        const char* name
        const char* states
        const char* hyper
        fastdl_prepare prepare[2]
        fastdl_tile tile[2]
        fastdl_measure measure[2]
        fastdl_trust trust[2]
    ctypedef struct fastdl_tensor:
        fastdl_index size
        int is_double
        int is_gradient_double
        int array_count
        void* arrays[6]
        void* average
        fastdl_tile tile
        fastdl_measure measure
        fastdl_trust trust
        const void* coefficients
        double decay
        double shrink
        int clears
    ctypedef struct fastdl_treatment:
        double clip_norm
        double clip_value
        double average_decay
        int needs_finite
    ctypedef enum fastdl_outcome:
        fastdl_done
        fastdl_no_memory
        fastdl_not_finite
    ctypedef bint (*affine_forward_function)(
        int, fastdl_index, fastdl_index, fastdl_index, const void*, const void*, const void*, int, void*) noexcept
    ctypedef bint (*affine_backward_function)(
        int, fastdl_index, fastdl_index, fastdl_index, const void*, const void*, const void*, const void*, int,
        void*, void*, void*) noexcept
    ctypedef void (*activation_forward_function)(int, fastdl_index, const void*, int, void*) noexcept
    ctypedef void (*activation_backward_function)(int, fastdl_index, const void*, const void*, int, void*) noexcept
    ctypedef void (*softmax_function)(int, fastdl_index, fastdl_index, const void*, void*) noexcept
    ctypedef bint (*softmax_cross_entropy_function)(
        int, fastdl_index, fastdl_index, const void*, const int64_t*, double*, void*) noexcept
    ctypedef void (*gather_function)(
        int, fastdl_index, fastdl_index, const void*, const int64_t*, double, void*) noexcept
    ctypedef fastdl_outcome (*update_function)(
        int, const fastdl_tensor*, fastdl_index, const fastdl_treatment*) noexcept
    ctypedef struct fastdl_kernels:
        const char* level
        int vector_bytes
        affine_forward_function affine_forward[2]
        affine_backward_function affine_backward[2]
        activation_forward_function activation_forward[2]
        activation_backward_function activation_backward[2]
        softmax_function softmax[2]
        softmax_cross_entropy_function softmax_cross_entropy[2]
        gather_function gather[3][2]
        update_function update
        const fastdl_rule* rules
        int rule_count

# The kernels of the CPU level that was chosen at import.
cdef const fastdl_kernels* kernels() noexcept nogil

# Number of threads for one native call; leave() takes it back. Held with the GIL, never across Python code.
cdef int enter() except -1
cdef void leave(int threads) noexcept nogil
