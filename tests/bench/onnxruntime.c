#include "onnxruntime.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The version of the interface that is asked for: the places below are in its first one. */
#define API_VERSION 1

/* Places in the table of functions. */
enum slot {
    GET_ERROR_MESSAGE = 2,
    CREATE_ENV = 3,
    CREATE_SESSION_FROM_ARRAY = 8,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    SET_GRAPH_OPTIMIZATION_LEVEL = 23,
    SET_INTRA_OP_NUM_THREADS = 24,
    SET_INTER_OP_NUM_THREADS = 25,
    CREATE_TENSOR_WITH_DATA = 49,
    CREATE_CPU_MEMORY_INFO = 69,
};
enum { LOG_ERRORS = 3, OPTIMIZE_ALL = 99, ARENA_ALLOCATOR = 1, DEFAULT_MEMORY = 0, FLOATS = 1 };

typedef void *object; /* opaque, a status among them */

typedef void function(void);

struct api_base {
    function *const *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
};

struct onnxruntime {
    const struct api_base *base;
    function *const *api;
    object environment, options, session, memory;
};

typedef object run_function(object session, object options, const char *const *input_names,
                            const object *inputs, size_t input_count,
                            const char *const *output_names, size_t output_count, object *outputs);

struct onnxruntime_binding {
    struct onnxruntime *runtime;
    run_function *run;
    object input, output;
};

/* Calls a function of the table with the type that its place has. */
#define CALL(runtime, slot, types, ...)                                                            \
    check(runtime, #slot, ((object(*) types)(runtime)->api[slot])(__VA_ARGS__))

static void check(const struct onnxruntime *runtime, const char *what, object status)
{
    if (!status)
        return;
    const char *(*message)(void *) = (const char *(*)(void *))runtime->api[GET_ERROR_MESSAGE];
    fprintf(stderr, "onnxruntime: %s: %s\n", what, message(status));
    exit(1);
}

static void create_session(struct onnxruntime *runtime, const void *model, size_t size)
{
    CALL(runtime, CREATE_ENV, (int, const char *, object *), LOG_ERRORS, "bench",
         &runtime->environment);
    CALL(runtime, CREATE_SESSION_OPTIONS, (object *), &runtime->options);
    CALL(runtime, SET_INTRA_OP_NUM_THREADS, (object, int), runtime->options, 1);
    CALL(runtime, SET_INTER_OP_NUM_THREADS, (object, int), runtime->options, 1);
    CALL(runtime, SET_GRAPH_OPTIMIZATION_LEVEL, (object, int), runtime->options, OPTIMIZE_ALL);
    CALL(runtime, CREATE_SESSION_FROM_ARRAY, (object, const void *, size_t, object, object *),
         runtime->environment, model, size, runtime->options, &runtime->session);
    CALL(runtime, CREATE_CPU_MEMORY_INFO, (int, int, object *), ARENA_ALLOCATOR, DEFAULT_MEMORY,
         &runtime->memory);
}

struct onnxruntime *onnxruntime_open(const char *library, const void *model, size_t size)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    const struct api_base *(*get_base)(void) = NULL;
    if (handle)
        *(void **)&get_base = dlsym(handle, "OrtGetApiBase");
    struct onnxruntime *runtime = get_base ? calloc(1, sizeof *runtime) : NULL;
    if (!runtime)
        return NULL;
    runtime->base = get_base();
    runtime->api = runtime->base->get_api(API_VERSION);
    if (!runtime->api) {
        free(runtime);
        return NULL;
    }
    create_session(runtime, model, size);
    return runtime;
}

const char *onnxruntime_version(const struct onnxruntime *runtime)
{
    return runtime->base->get_version();
}

static object tensor(struct onnxruntime *runtime, float *data, size_t rows, size_t columns)
{
    const int64_t shape[] = {(int64_t)rows, (int64_t)columns};
    object value;
    CALL(runtime, CREATE_TENSOR_WITH_DATA,
         (object, void *, size_t, const int64_t *, size_t, int, object *), runtime->memory, data,
         rows * columns * sizeof(float), shape, 2, FLOATS, &value);
    return value;
}

struct onnxruntime_binding *onnxruntime_bind(struct onnxruntime *runtime,
                                             struct onnxruntime_shape shape, float *input,
                                             float *output)
{
    struct onnxruntime_binding *binding = calloc(1, sizeof *binding);
    if (!binding)
        return NULL;
    binding->runtime = runtime;
    binding->run = (run_function *)runtime->api[RUN];
    binding->input = tensor(runtime, input, shape.batch, shape.inputs);
    binding->output = tensor(runtime, output, shape.batch, shape.outputs);
    return binding;
}

void onnxruntime_run(struct onnxruntime_binding *binding)
{
    static const char *const inputs[] = {"x"}, *const outputs[] = {"y"};
    check(binding->runtime, "RUN",
          binding->run(binding->runtime->session, NULL, inputs, &binding->input, 1, outputs, 1,
                       &binding->output));
}
