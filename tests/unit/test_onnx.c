/* ONNX files: written and read again, followed as a chain of layers, and refused. */
#include "fixture.h"
#include "nn/blas.h"
#include "onnx/onnx_builder.h"
#include "onnx/onnx_import.h"

#include <errno.h>
#include <math.h>

#define WIDTH 4
#define HIDDEN 2

static const float down[HIDDEN * WIDTH] = {0.5F, -1, 2, 0.25F, 1, 3, -0.5F, 0.125F};
static const float up[WIDTH * HIDDEN] = {1, 2, -1, 0.5F, 0.25F, 3, 2, -2};
static const float hidden_bias[HIDDEN] = {0.5F, -0.25F};
static const float bias[WIDTH] = {1, 2, 3, 4};

/* ---- files that are made here */

static void set_ends(struct onnx_builder *builder, const int64_t *dims, size_t rank)
{
    static struct onnx_value ends[2];
    ends[0] = (struct onnx_value){.name = "x", .type = ONNX_FLOAT, .shaped = true, .rank = rank};
    memcpy(ends[0].dims, dims, rank * sizeof *dims);
    ends[1] = (struct onnx_value){
        .name = "y", .type = ONNX_FLOAT, .shaped = true, .rank = 2, .dims = {-1, WIDTH}};
    builder->model.inputs = builder->model.outputs = 1;
    builder->model.input = &ends[0];
    builder->model.output = &ends[1];
    builder->model.ir_version = 7;
    builder->model.opset = 13;
    builder->model.producer = "test";
    builder->model.producer_version = "1";
    builder->model.graph = "graph";
}

static const char *put_dense(struct onnx_builder *builder, const char *value, bool decoder)
{
    const struct onnx_extent extent = {decoder ? WIDTH : HIDDEN, decoder ? HIDDEN : WIDTH};
    const char *weight = onnx_builder_floats(builder, extent, decoder ? up : down);
    const char *shift = onnx_builder_floats(builder, (struct onnx_extent){0, extent.rows},
                                            decoder ? bias : hidden_bias);
    value = onnx_builder_3(builder, "Gemm", value, weight, shift);
    onnx_builder_set_int(builder, "transB", 1);
    return value;
}

/* An autoencoder with that between its layers; NULL: ReLU. */
static void *make(const char *between, size_t *ret_size)
{
    static const int64_t dims[] = {-1, WIDTH};
    struct onnx_builder builder;
    void *data;
    onnx_builder_init(&builder);
    const char *value = put_dense(&builder, "x", false);
    value = onnx_builder_1(&builder, between ? between : "Relu", value);
    onnx_builder_name(&builder, put_dense(&builder, value, true), "y");
    onnx_builder_entry(&builder, "key", "value");
    set_ends(&builder, dims, 2);
    assert_false(builder.failed);
    assert_int_equal(onnx_write(&builder.model, &data, ret_size), 0);
    onnx_builder_deinit(&builder);
    return data;
}

/* Reads and imports a copy of exactly this size, so that a sanitizer sees its end. */
static int import(const void *data, size_t size, struct onnx_model *model,
                  struct onnx_network *network, struct diag *diag)
{
    unsigned char *copy = malloc(size + !size);
    memcpy(copy, data, size);
    *diag = DIAG_INIT;
    int r = onnx_read(copy, size, model, diag);
    free(copy);
    return r < 0 ? r : onnx_import(model, network, diag);
}

static void refuse(const void *data, size_t size, const char *why)
{
    struct onnx_model model;
    struct onnx_network network;
    struct diag diag;
    assert_int_equal(import(data, size, &model, &network, &diag), -EINVAL);
    fixture_expect_text(diag.text, why);
    onnx_model_deinit(&model);
}

static void refuse_builder(struct onnx_builder *builder, const char *why)
{
    static const int64_t dims[] = {-1, WIDTH};
    void *data;
    size_t size;
    set_ends(builder, dims, 2);
    assert_int_equal(onnx_write(&builder->model, &data, &size), 0);
    refuse(data, size, why);
    free(data);
    onnx_builder_deinit(builder);
}

/* ---- what is read */

static void test_written_and_read(void **state)
{
    size_t size;
    void *data = make(NULL, &size);
    struct onnx_model model;
    struct diag diag = DIAG_INIT;
    assert_int_equal(onnx_read(data, size, &model, &diag), 0);
    assert_int_equal(model.ir_version, 7);
    assert_int_equal(model.opset, 13);
    assert_string_equal(model.producer, "test");
    assert_string_equal(model.graph, "graph");
    assert_int_equal(model.nodes, 4);
    assert_string_equal(model.node[0].op, "Gemm");
    assert_int_equal(model.node[0].inputs, 3);
    const struct onnx_attribute *transposed = onnx_find_attribute(&model.node[0], "transB");
    assert_non_null(transposed);
    assert_int_equal(transposed->kind, ONNX_ATTRIBUTE_INT);
    assert_int_equal(transposed->i, 1);
    assert_null(onnx_find_attribute(&model.node[0], "alpha"));
    assert_int_equal(model.constants, 4);
    const struct onnx_tensor *weight = onnx_find_constant(&model, model.node[0].input[1]);
    assert_non_null(weight);
    assert_int_equal(weight->rank, 2);
    assert_int_equal(weight->dims[1], WIDTH);
    float values[HIDDEN * WIDTH];
    int64_t integers[HIDDEN * WIDTH];
    assert_int_equal(onnx_tensor_floats(weight, values, &diag), 0);
    assert_memory_equal(values, down, sizeof down);
    assert_int_equal(onnx_tensor_integers(weight, integers, &diag), -EINVAL);
    assert_int_equal(model.inputs, 1);
    assert_int_equal(model.input[0].dims[0], -1);
    assert_int_equal(model.input[0].dims[1], WIDTH);
    assert_int_equal(model.entries, 1);
    assert_string_equal(model.entry[0].value, "value");
    onnx_model_deinit(&model);
    free(data);
}

/* What the network should make of a row. */
static void compute(const float x[WIDTH], float y[WIDTH])
{
    float hidden[HIDDEN];
    for (size_t h = 0; h < HIDDEN; h++) {
        hidden[h] = hidden_bias[h];
        for (size_t i = 0; i < WIDTH; i++)
            hidden[h] += down[h * WIDTH + i] * x[i];
        hidden[h] = hidden[h] < 0 ? 0 : hidden[h];
    }
    for (size_t o = 0; o < WIDTH; o++) {
        y[o] = bias[o];
        for (size_t h = 0; h < HIDDEN; h++)
            y[o] += up[o * HIDDEN + h] * hidden[h];
    }
}

static void expect_output(const struct onnx_network *onnx, const float *x, const float *expected)
{
    struct network *network;
    struct diag diag = DIAG_INIT;
    assert_int_equal(onnx_import_build(onnx, 1, &network, &diag), 0);
    const float *y = network_forward(network, 1, x, false);
    for (size_t i = 0; i < WIDTH; i++) {
        if (fabsf(y[i] - expected[i]) > 1e-5F)
            fail_msg("%zu: %g, expected %g", i, (double)y[i], (double)expected[i]);
    }
    network_free(network);
}

static void test_network(void **state)
{
    const float x[WIDTH] = {1, -2, 0.5F, 3}, turned[WIDTH] = {1, 0.5F, -2, 3};
    float y[WIDTH], y_turned[WIDTH];
    size_t size;
    void *data = make(NULL, &size);
    struct onnx_model model;
    struct onnx_network network;
    struct diag diag;
    blas_init();
    assert_int_equal(import(data, size, &model, &network, &diag), 0);
    assert_int_equal(network.inputs, WIDTH);
    assert_int_equal(network.window, 0);
    assert_int_equal(network.count, 3);
    compute(x, y);
    expect_output(&network, x, y);
    /* x by rows is `turned` by channels, and so is what comes out. */
    assert_int_equal(onnx_import_transpose(&model, &network, 3, 2, &diag), -EINVAL);
    assert_int_equal(onnx_import_transpose(&model, &network, 2, 2, &diag), 0);
    compute(turned, y);
    memcpy(y_turned, (float[]){y[0], y[2], y[1], y[3]}, sizeof y_turned);
    expect_output(&network, x, y_turned);
    onnx_model_deinit(&model);
    free(data);
}

static void test_declared_window(void **state)
{
    static const int64_t dims[] = {-1, 2, 2}, other[] = {-1, 3, 2}, deep[] = {-1, 2, 3, 2};
    struct onnx_builder builder;
    struct onnx_model model;
    struct onnx_network network;
    struct diag diag;
    void *data;
    size_t size;
    onnx_builder_init(&builder);
    const char *value = put_dense(&builder, onnx_builder_1(&builder, "Flatten", "x"), false);
    onnx_builder_name(&builder, put_dense(&builder, value, true), "y");
    set_ends(&builder, dims, 3);
    assert_int_equal(onnx_write(&builder.model, &data, &size), 0);
    assert_int_equal(import(data, size, &model, &network, &diag), 0);
    assert_int_equal(network.window, 2);
    assert_int_equal(network.channels, 2);
    onnx_model_deinit(&model);
    free(data);
    set_ends(&builder, other, 3);
    assert_int_equal(onnx_write(&builder.model, &data, &size), 0);
    refuse(data, size, "its input is [N, 3, 2], its first layer takes 4 values");
    free(data);
    set_ends(&builder, deep, 4);
    assert_int_equal(onnx_write(&builder.model, &data, &size), 0);
    refuse(data, size, "input x has 4 dimensions");
    free(data);
    onnx_builder_deinit(&builder);
}

/* ---- what is refused */

static void test_what_is_not_supported(void **state)
{
    size_t size;
    struct onnx_builder builder;
    void *data = make("Tanh", &size);
    refuse(data, size, "node \"Tanh_4\" (Tanh): not supported; supported are Gemm");
    free(data);

    onnx_builder_init(&builder);
    onnx_builder_name(&builder, onnx_builder_1(&builder, "Relu", "x"), "y");
    refuse_builder(&builder, "(Relu): it must follow a dense layer (Gemm, MatMul)");

    onnx_builder_init(&builder); /* a residual connection */
    onnx_builder_name(&builder,
                      onnx_builder_2(&builder, "Add", "x", put_dense(&builder, "x", false)), "y");
    refuse_builder(&builder, "both read \"x\": one chain of layers is supported");

    onnx_builder_init(&builder);
    onnx_builder_name(&builder, put_dense(&builder, "x", false), "y");
    refuse_builder(&builder, "4 inputs and 2 outputs: an autoencoder has as many of each");

    onnx_builder_init(&builder);
    onnx_builder_name(&builder, "x", "y");
    refuse_builder(&builder, "there is no dense layer in it");

    onnx_builder_init(&builder); /* a side branch */
    const char *value = put_dense(&builder, "x", false);
    onnx_builder_name(&builder, put_dense(&builder, value, true), "y");
    onnx_builder_1(&builder, "Sin", "y");
    refuse_builder(&builder, "(Sin): it is not on the way from the input to the output");

    onnx_builder_init(&builder); /* a bias too many */
    value = put_dense(&builder, put_dense(&builder, "x", false), true);
    value = onnx_builder_2(&builder, "Add", value,
                           onnx_builder_floats(&builder, (struct onnx_extent){0, WIDTH}, bias));
    onnx_builder_name(&builder, value, "y");
    refuse_builder(&builder, "(Add): an Add is supported as the bias of a MatMul before it");

    onnx_builder_init(&builder); /* layers that do not fit */
    onnx_builder_name(&builder, put_dense(&builder, put_dense(&builder, "x", true), true), "y");
    refuse_builder(&builder, "2 inputs, the layer before has 4 outputs");

    onnx_builder_init(&builder); /* a weight that comes from outside */
    onnx_builder_name(&builder, onnx_builder_2(&builder, "MatMul", "x", "w"), "y");
    refuse_builder(&builder, "(MatMul): one of its inputs must be a constant");

    onnx_builder_init(&builder); /* a number that is none */
    const float broken[WIDTH * WIDTH] = {NAN};
    onnx_builder_name(
        &builder,
        onnx_builder_2(&builder, "MatMul", "x",
                       onnx_builder_floats(&builder, (struct onnx_extent){WIDTH, WIDTH}, broken)),
        "y");
    refuse_builder(&builder, "number 0 is not finite");
}

/* A layer behind the first dense one that is like one of those that are supported, but not one. */
static void refuse_layer(const char *op, const char *attribute, double setting, const char *why)
{
    struct onnx_builder builder;
    onnx_builder_init(&builder);
    const char *value = onnx_builder_1(&builder, op, put_dense(&builder, "x", false));
    if (!strcmp(op, "Cast"))
        onnx_builder_set_int(&builder, attribute, (int64_t)setting);
    else if (attribute)
        onnx_builder_set_float(&builder, attribute, (float)setting);
    onnx_builder_name(&builder, put_dense(&builder, value, true), "y");
    refuse_builder(&builder, why);
}

static void refuse_batchnorm(float variance, float epsilon, const char *why)
{
    const float ones[HIDDEN] = {1, 1}, variances[HIDDEN] = {1, variance};
    const struct onnx_extent extent = {0, HIDDEN};
    struct onnx_builder builder;
    onnx_builder_init(&builder);
    const char *one = onnx_builder_floats(&builder, extent, ones);
    const char *const input[] = {put_dense(&builder, "x", false), one, one, one,
                                 onnx_builder_floats(&builder, extent, variances)};
    const char *value = onnx_builder_node(&builder, "BatchNormalization",
                                          &(struct onnx_node_shape){5, 1, input}, NULL);
    onnx_builder_set_float(&builder, "epsilon", epsilon);
    onnx_builder_name(&builder, put_dense(&builder, value, true), "y");
    refuse_builder(&builder, why);
}

static void test_layers_that_are_almost_supported(void **state)
{
    const char *const training[] = {"x", "", "y"};
    struct onnx_builder builder;
    refuse_layer("LeakyRelu", "alpha", 0, "an alpha over 0 and under 1 is supported");
    refuse_layer("LeakyRelu", "alpha", 1, "an alpha over 0 and under 1 is supported");
    refuse_layer("LeakyRelu", "alpha", (double)NAN, "an alpha over 0 and under 1 is supported");
    refuse_layer("Cast", "to", 7, "a cast to float or double is supported");
    refuse_layer("MatMul", NULL, 0, "(MatMul): two inputs are supported");
    refuse_layer("Constant", NULL, 0, "a Constant must have a tensor as its value");
    refuse_batchnorm(-1, 1e-5F, "a variance is negative");
    refuse_batchnorm(1, 1, "an epsilon of 0 to 1, and no training mode are supported");

    onnx_builder_init(&builder);
    const char *value =
        onnx_builder_node(&builder, "Dropout", &(struct onnx_node_shape){3, 1, training}, NULL);
    onnx_builder_name(&builder, put_dense(&builder, put_dense(&builder, value, false), true), "y");
    refuse_builder(&builder, "its training mode must not be an input");

    onnx_builder_init(&builder); /* a matrix times the values, not the other way round */
    const char *matrix = onnx_builder_floats(&builder, (struct onnx_extent){HIDDEN, WIDTH}, down);
    onnx_builder_name(&builder, onnx_builder_2(&builder, "MatMul", matrix, "x"), "y");
    refuse_builder(&builder, "the layer before must be its first input");

    onnx_builder_init(&builder); /* a vector is not turned */
    matrix = onnx_builder_floats(&builder, (struct onnx_extent){0, WIDTH}, bias);
    matrix = onnx_builder_1(&builder, "Transpose", matrix);
    onnx_builder_name(&builder, onnx_builder_2(&builder, "MatMul", "x", matrix), "y");
    refuse_builder(&builder, "a Transpose of a matrix is supported");
}

/* One, and of a width that can be. */
static void test_inputs(void **state)
{
    static const int64_t wide[] = {-1, (int64_t)1 << 40};
    struct onnx_builder builder;
    struct onnx_value two[2];
    void *data;
    size_t size;
    onnx_builder_init(&builder);
    onnx_builder_name(&builder, put_dense(&builder, put_dense(&builder, "x", false), true), "y");
    set_ends(&builder, wide, 2);
    assert_int_equal(onnx_write(&builder.model, &data, &size), 0);
    refuse(data, size, "input x: a dimension of 1099511627776");
    free(data);
    two[0] = builder.model.input[0];
    two[1] = two[0];
    two[1].name = "z";
    builder.model.input = two;
    builder.model.inputs = 2;
    assert_int_equal(onnx_write(&builder.model, &data, &size), 0);
    refuse(data, size, "it has two inputs, x and z: one is supported");
    free(data);
    onnx_builder_deinit(&builder);
}

/* A loop must not be followed for ever. */
static void test_a_loop(void **state)
{
    struct onnx_builder builder;
    onnx_builder_init(&builder);
    onnx_builder_name(&builder, "x", "a");
    onnx_builder_name(&builder, "a", "x");
    refuse_builder(&builder, "nothing reads \"x\", and it is not the output");
}

/* ---- bytes */

struct bytes {
    unsigned char data[256];
    size_t size;
};

static void put_tag(struct bytes *bytes, unsigned tag)
{
    if (tag > 127)
        bytes->data[bytes->size++] = (unsigned char)(tag | 128);
    bytes->data[bytes->size++] = (unsigned char)(tag > 127 ? tag >> 7 : tag);
}

static void put(struct bytes *bytes, unsigned field, const void *data, size_t size)
{
    assert_true(size < 128 && bytes->size + size + 3 <= sizeof bytes->data);
    put_tag(bytes, field << 3 | 2);
    bytes->data[bytes->size++] = (unsigned char)size;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void put_number(struct bytes *bytes, unsigned field, uint64_t value)
{
    put_tag(bytes, field << 3);
    for (; value > 127; value >>= 7)
        bytes->data[bytes->size++] = (unsigned char)(value | 128);
    bytes->data[bytes->size++] = (unsigned char)value;
}

/* A model with that tensor alone. */
static void refuse_tensor(const struct bytes *tensor, const char *why)
{
    struct bytes graph = {.size = 0}, set = {.size = 0}, model = {.size = 0};
    put(&graph, 5, tensor->data, tensor->size);
    put_number(&set, 2, 13);
    put_number(&model, 1, 7);
    put(&model, 7, graph.data, graph.size);
    put(&model, 8, set.data, set.size);
    refuse(model.data, model.size, why);
}

static void test_hostile_tensors(void **state)
{
    struct bytes huge = {.size = 0}, outside = {.size = 0}, few = {.size = 0}, name = {.size = 0};
    put_number(&huge, 1, UINT64_C(1) << 40);
    put_number(&huge, 1, UINT64_C(1) << 40);
    put_number(&huge, 2, 1);
    put(&huge, 9, "1234", 4);
    refuse_tensor(&huge, "tensor \"\": dimension 0 is 1099511627776");
    struct bytes product = {.size = 0};
    for (int i = 0; i < 3; i++)
        put_number(&product, 1, 1 << 20);
    put_number(&product, 2, 1);
    refuse_tensor(&product, "dimension 1 is 1048576");
    struct bytes deep = {.size = 0};
    for (int i = 0; i < 9; i++)
        put_number(&deep, 1, 1);
    refuse_tensor(&deep, "9 dimensions, at most 8 are read");
    struct bytes negative = {.size = 0};
    put_number(&negative, 1, UINT64_MAX);
    refuse_tensor(&negative, "dimension 0 is -1");
    put_number(&outside, 14, 1);
    put(&outside, 8, "w", 1);
    refuse_tensor(&outside, "tensor \"w\": its numbers are in another file");
    put_number(&few, 1, 3);
    put_number(&few, 2, 1);
    put(&few, 9, "12345678", 8);
    refuse_tensor(&few, "8 bytes for 3 numbers of 4 bytes");
    put(&name, 8, "a\nb", 3);
    refuse_tensor(&name, "a control character in a name");
}

/* ---- numbers and attributes in every form that is read */

static void put_graph(struct bytes *model, const struct bytes *graph)
{
    struct bytes set = {.size = 0};
    put(&set, 1, "ai.onnx", 7);
    put_number(&set, 2, 13);
    put_number(model, 1, 7);
    put(model, 3, "2.0", 3); /* the producer's version */
    put(model, 7, graph->data, graph->size);
    put(model, 8, set.data, set.size);
}

static void put_named(struct bytes *graph, const char *name, int type, unsigned field,
                      const void *numbers, size_t size)
{
    struct bytes tensor = {.size = 0};
    put_number(&tensor, 1, 1);
    put_number(&tensor, 2, (uint64_t)type);
    put(&tensor, 8, name, strlen(name));
    put(&tensor, field, numbers, size);
    put(graph, 5, tensor.data, tensor.size);
}

static void expect_number(const struct onnx_model *model, const char *name, double expected)
{
    struct diag diag = DIAG_INIT;
    const struct onnx_tensor *tensor = onnx_find_constant(model, name);
    float value;
    int64_t integer;
    assert_non_null(tensor);
    if (tensor->type == ONNX_FLOAT || tensor->type == ONNX_DOUBLE) {
        assert_int_equal(onnx_tensor_floats(tensor, &value, &diag), 0);
        assert_true((double)value == expected);
    } else {
        assert_int_equal(onnx_tensor_integers(tensor, &integer, &diag), 0);
        assert_int_equal(integer, (int64_t)expected);
        assert_int_equal(onnx_tensor_floats(tensor, &value, &diag), -EINVAL);
    }
}

/* Little-endian, as every machine here is. */
static void test_numbers(void **state)
{
    const float single = 1.5F;
    const double whole = -2.25;
    const int64_t large = -5;
    const int32_t small = -7;
    struct bytes lists = {.size = 0}, raws = {.size = 0}, model = {.size = 0}, other = {.size = 0};
    struct onnx_model read;
    struct diag diag = DIAG_INIT;
    put_named(&lists, "f", ONNX_FLOAT, 4, &single, sizeof single);
    put_named(&lists, "d", ONNX_DOUBLE, 10, &whole, sizeof whole);
    put_named(&lists, "l", ONNX_INT64, 7, "\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
    put_named(&lists, "i", ONNX_INT32, 5, "\xf9\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
    put_graph(&model, &lists);
    assert_int_equal(onnx_read(model.data, model.size, &read, &diag), 0);
    assert_string_equal(read.producer_version, "2.0");
    expect_number(&read, "f", 1.5);
    expect_number(&read, "d", -2.25);
    expect_number(&read, "l", -5);
    expect_number(&read, "i", -7);
    onnx_model_deinit(&read);
    put_named(&raws, "d", ONNX_DOUBLE, 9, &whole, sizeof whole);
    put_named(&raws, "l", ONNX_INT64, 9, &large, sizeof large);
    put_named(&raws, "i", ONNX_INT32, 9, &small, sizeof small);
    put_named(&raws, "half", 10, 9, "12", 2); /* only an error if somebody wants it */
    put_graph(&other, &raws);
    assert_int_equal(onnx_read(other.data, other.size, &read, &diag), 0);
    expect_number(&read, "d", -2.25);
    expect_number(&read, "l", -5);
    expect_number(&read, "i", -7);
    float value;
    assert_int_equal(onnx_tensor_floats(onnx_find_constant(&read, "half"), &value, &diag), -EINVAL);
    fixture_expect_text(diag.text, "elements of type 10, must be float (1) or double (11)");
    onnx_model_deinit(&read);
}

static void put_attribute(struct bytes *node, const char *name, unsigned type, unsigned field,
                          const void *content, size_t size)
{
    struct bytes attribute = {.size = 0};
    put(&attribute, 1, name, strlen(name));
    put_number(&attribute, 20, type);
    if (content)
        put(&attribute, field, content, size);
    put(node, 5, attribute.data, attribute.size);
}

static void test_attributes(void **state)
{
    const float floats[] = {1, 2};
    struct bytes node = {.size = 0}, tensor = {.size = 0}, graph = {.size = 0}, model = {.size = 0};
    struct onnx_model read;
    struct diag diag = DIAG_INIT;
    put_number(&tensor, 2, 1);
    put_number(&tensor, 1, 0);
    put_attribute(&node, "s", 3, 4, "text", 4);
    put_attribute(&node, "t", 4, 5, tensor.data, tensor.size);
    put_attribute(&node, "fs", 6, 7, floats, sizeof floats);
    put_attribute(&node, "is", 7, 8, "\x03\x04\x05", 3);
    put_attribute(&node, "g", 5, 6, "", 0);
    put(&graph, 1, node.data, node.size);
    put_graph(&model, &graph);
    assert_int_equal(onnx_read(model.data, model.size, &read, &diag), 0);
    assert_string_equal(onnx_find_attribute(&read.node[0], "s")->s, "text");
    assert_int_equal(onnx_find_attribute(&read.node[0], "t")->t->count, 0);
    assert_int_equal(onnx_find_attribute(&read.node[0], "fs")->count, 2);
    assert_true(onnx_find_attribute(&read.node[0], "fs")->floats[1] == 2);
    assert_int_equal(onnx_find_attribute(&read.node[0], "is")->count, 3);
    assert_int_equal(onnx_find_attribute(&read.node[0], "is")->ints[2], 5);
    assert_int_equal(onnx_find_attribute(&read.node[0], "g")->kind, ONNX_ATTRIBUTE_OTHER);
    onnx_model_deinit(&read);
    struct bytes empty = {.size = 0}, holder = {.size = 0}, bad = {.size = 0};
    put_attribute(&empty, "t", 4, 5, NULL, 0);
    put(&holder, 1, empty.data, empty.size);
    put_graph(&bad, &holder);
    refuse(bad.data, bad.size, "attribute \"t\": no tensor");
}

/* What would need more than a look at the file. */
static void test_other_parts(void **state)
{
    struct bytes graph = {.size = 0}, model = {.size = 0}, functions = {.size = 0};
    put(&graph, 15, "", 0);
    put_graph(&model, &graph);
    refuse(model.data, model.size, "sparse initializers are not read");
    graph.size = 0;
    put_graph(&functions, &graph);
    put(&functions, 25, "", 0);
    refuse(functions.data, functions.size, "functions of its own are not read");
    struct bytes segment = {.size = 0};
    put(&segment, 3, "", 0);
    refuse_tensor(&segment, "it is one segment of several");
    struct bytes number = {.size = 0};
    put_number(&number, 1, 7);
    refuse(number.data, number.size, "no IR version or no operator set is named");
    struct bytes none = {.size = 0}, set = {.size = 0};
    put_number(&set, 2, 13);
    put_number(&none, 1, 7);
    put(&none, 8, set.data, set.size);
    refuse(none.data, none.size, "there is no graph in it");
    struct bytes broken = {.size = 0};
    put(&broken, 8, "\xff", 1);
    refuse_tensor(&broken, "a name that is not UTF-8");
}

/* Two bytes name an empty node. */
static void refuse_nodes(size_t count, const char *why)
{
    size_t size = 2 * count, at = 0;
    unsigned char *data = malloc(size + 32);
    memcpy(data, (unsigned char[]){8, 7, 0x42, 2, 16, 13, 0x3a}, 7); /* graph: field 7 */
    at = 7;
    for (size_t left = size; left > 0 || at == 7; left >>= 7)
        data[at++] = (unsigned char)((left & 127) | (left > 127 ? 128 : 0));
    for (size_t i = 0; i < count; i++) {
        data[at++] = 0x0a;
        data[at++] = 0;
    }
    refuse(data, at, why);
    free(data);
}

static void test_bounds(void **state)
{
    refuse("", 0, "0 bytes");
    refuse("not ONNX", 8, "not an ONNX file");
    refuse_nodes(5000, "5000 nodes, at most 4096 are read");
    refuse_nodes(2000000, "it unfolds to over 192 MiB");
}

/* Cut at every length, and every bit changed: never more than a refusal in words. */
static void test_damage(void **state)
{
    size_t size;
    unsigned char *data = make(NULL, &size);
    struct onnx_model model;
    struct onnx_network network;
    struct diag diag;
    size_t refused = 0;
    for (size_t i = 0; i < size; i++) {
        int r = import(data, i, &model, &network, &diag);
        assert_true(r == 0 || (r == -EINVAL && *diag.text));
        refused += r < 0;
        onnx_model_deinit(&model);
    }
    assert_true(refused > size / 2);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        int r = import(data, size, &model, &network, &diag);
        assert_true(r == 0 || (r == -EINVAL && *diag.text));
        onnx_model_deinit(&model);
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_declared_window),
        cmocka_unit_test(test_what_is_not_supported),
        cmocka_unit_test(test_layers_that_are_almost_supported),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_a_loop),
        cmocka_unit_test(test_hostile_tensors),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_other_parts),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
