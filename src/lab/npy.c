/*
 * A recording of a day is hundreds of megabytes of float64, so items are read and converted a few
 * kilobytes at a time: the caller's float32 table is the only large allocation.
 */
#include "lab/npy.h"

#include "lab/npy_header.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "items are read in the host's order");

#define MAGIC "\x93NUMPY"
#define MAGIC_LENGTH 6
#define MAX_HEADER 65536 /* NumPy itself refuses to evaluate more than 10,000 */
#define CHUNK_ITEMS 2048

static bool item_is_supported(char kind, size_t size)
{
    switch (kind) {
    case 'f':
        return size == 4 || size == 8;
    case 'i':
    case 'u':
        return size == 1 || size == 2 || size == 4 || size == 8;
    case 'b':
        return size == 1;
    case 'U':
        return size >= 1 && size <= NPY_MAX_STRING;
    default:
        return false;
    }
}

static int refuse_type(const char *path, const char *descr, struct diag *diag)
{
    const char *remedy = "save it as float64: np.save(path, array.astype(float))";
    if (strchr(descr, 'O'))
        return diag_set(diag,
                        "%s: an array of Python objects (pickled), which is never opened; "
                        "save it as numbers: np.save(path, array.astype(float))",
                        path);
    if (descr[0] == '[')
        return diag_set(diag,
                        "%s: a structured array; save a plain table: "
                        "np.save(path, np.array(array.tolist(), dtype=float))",
                        path);
    if (descr[0] == '>')
        return diag_set(diag,
                        "%s: big-endian items (%s); save them little-endian: "
                        "np.save(path, array.astype('<f8'))",
                        path, descr);
    if (strchr(descr, 'c'))
        remedy = "complex numbers are no samples: np.save(path, array.real.astype(float))";
    if (strchr(descr, 'S'))
        remedy = "names must be <U strings: np.save(path, names.astype(str))";
    return diag_set(diag, "%s: items of type '%s'; %s", path, descr, remedy);
}

static int set_type(struct npy *npy, const char *descr, struct diag *diag)
{
    char order = descr[0];
    char *rest = NULL;
    unsigned long size = order && descr[1] ? strtoul(descr + 2, &rest, 10) : 0;
    bool plain = rest && rest > descr + 2 && *rest == '\0' && strchr("<=|", order) &&
                 (order != '|' || size == 1);
    if (!plain || !item_is_supported(descr[1], size))
        return refuse_type(npy->path, descr, diag);
    npy->kind = descr[1];
    npy->item_size = npy->kind == 'U' ? 4 * size : size;
    return 0;
}

static int set_shape(struct npy *npy, const struct npy_header *header, struct diag *diag)
{
    if (header->dimensions < 1 || header->dimensions > 2)
        return diag_set(diag,
                        "%s: %zu dimensions, 2 are needed (rows, channels): "
                        "np.save(path, array.reshape(len(array), -1))",
                        npy->path, header->dimensions);
    if (header->fortran && header->dimensions == 2 && header->shape[0] > 1 && header->shape[1] > 1)
        return diag_set(diag,
                        "%s: Fortran order; save it in C order: "
                        "np.save(path, np.ascontiguousarray(array))",
                        npy->path);
    npy->dimensions = header->dimensions;
    npy->rows = header->shape[0];
    npy->columns = header->dimensions == 2 ? header->shape[1] : 1;
    return 0;
}

/* The data must be all of the rest of the file: neither cut short nor, unless it grows, followed by
 * anything. */
static int check_size(struct npy *npy, size_t rest, struct diag *diag)
{
    size_t bytes;
    if (__builtin_mul_overflow(npy->rows, npy->columns, &npy->left) ||
        __builtin_mul_overflow(npy->left, npy->item_size, &bytes) ||
        (npy->growing ? bytes > rest : bytes != rest))
        return diag_set(diag,
                        "%s: the header says %zu x %zu items of %zu bytes, the file has %zu "
                        "bytes of data: it was cut short or changed; copy it again",
                        npy->path, npy->rows, npy->columns, npy->item_size, rest);
    return 0;
}

static int read_header(struct npy *npy, size_t file_size, struct diag *diag)
{
    unsigned char start[12];
    size_t prefix = 10;
    if (file_size == 0)
        return diag_set(diag, "%s: empty (0 bytes); copy it again", npy->path);
    if (fread(start, 1, prefix, npy->stream) != prefix || memcmp(start, MAGIC, MAGIC_LENGTH) != 0)
        return diag_set(diag, "%s: not a .npy file; np.save(path, array) makes one", npy->path);
    unsigned version = start[6];
    if (version < 1 || version > 3 || start[7] != 0)
        return diag_set(diag, "%s: .npy version %u.%u, versions 1.0 to 3.0 can be read", npy->path,
                        version, start[7]);
    size_t length = start[8] | (size_t)start[9] << 8;
    if (version > 1) {
        if (fread(start + 10, 1, 2, npy->stream) != 2)
            return diag_set(diag, "%s: the header is cut short; copy it again", npy->path);
        prefix = 12;
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (length > file_size - prefix)
        return diag_set(diag,
                        "%s: a header of %zu bytes in a file of %zu: it was cut short; copy it "
                        "again",
                        npy->path, length, file_size);
    if (length > MAX_HEADER)
        return diag_set(diag,
                        "%s: a header of %zu bytes, at most %d are allowed; save it again: "
                        "np.save(path, np.load(path))",
                        npy->path, length, MAX_HEADER);
    char *text = malloc(length + 1);
    if (!text)
        return diag_errno(diag, ENOMEM, "%s", npy->path);
    struct npy_header header;
    bool ok = fread(text, 1, length, npy->stream) == length;
    ok = ok && npy_header_parse(text, length, &header);
    free(text);
    if (!ok)
        return diag_set(diag,
                        "%s: the .npy header cannot be understood; save it again with "
                        "np.save",
                        npy->path);
    npy->growing = prefix + length == NPY_GROWING_HEADER;
    int r = set_type(npy, header.descr, diag);
    if (r == 0)
        r = set_shape(npy, &header, diag);
    return r < 0 ? r : check_size(npy, file_size - prefix - length, diag);
}

int npy_open(const char *path, struct npy **ret_npy, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return diag_errno(diag, errno, "%s", path);
    struct npy *npy = calloc(1, sizeof *npy);
    struct stat st;
    int r = 0;
    if (npy) {
        npy->path = strdup(path);
        npy->stream = fdopen(fd, "rb");
    }
    if (!npy || !npy->path || !npy->stream)
        r = diag_errno(diag, ENOMEM, "%s", path);
    else if (fstat(fd, &st) < 0)
        r = diag_errno(diag, errno, "%s", path);
    else if (!S_ISREG(st.st_mode))
        r = diag_set(diag, "%s: not a regular file", path);
    else
        r = read_header(npy, (size_t)st.st_size, diag);
    if (r < 0) {
        if (!npy || !npy->stream)
            close(fd);
        npy_close(npy);
        return r;
    }
    *ret_npy = npy;
    return 0;
}

void npy_close(struct npy *npy)
{
    if (!npy)
        return;
    if (npy->stream)
        fclose(npy->stream);
    free(npy->path);
    free(npy);
}

#define CONVERT(type)                                                                              \
    do {                                                                                           \
        for (size_t i = 0; i < count; i++) {                                                       \
            type item;                                                                             \
            memcpy(&item, raw + i * sizeof item, sizeof item);                                     \
            ret_values[i] = (double)item;                                                          \
        }                                                                                          \
    } while (0)

static void convert(char kind, size_t item_size, const char *raw, size_t count, double *ret_values)
{
    bool is_signed = kind == 'i';
    if (kind == 'f' && item_size == 8)
        memcpy(ret_values, raw, count * sizeof *ret_values);
    else if (kind == 'f')
        CONVERT(float);
    else if (item_size == 1 && is_signed)
        CONVERT(int8_t);
    else if (item_size == 1)
        CONVERT(uint8_t);
    else if (item_size == 2 && is_signed)
        CONVERT(int16_t);
    else if (item_size == 2)
        CONVERT(uint16_t);
    else if (item_size == 4 && is_signed)
        CONVERT(int32_t);
    else if (item_size == 4)
        CONVERT(uint32_t);
    else if (is_signed)
        CONVERT(int64_t);
    else
        CONVERT(uint64_t);
}

int npy_read_numbers(struct npy *npy, size_t count, double *ret_values, struct diag *diag)
{
    if (npy->kind == 'U')
        return diag_set(diag, "%s: strings where numbers are needed", npy->path);
    if (count > npy->left)
        return diag_set(diag, "%s: only %zu items are left", npy->path, npy->left);
    char raw[CHUNK_ITEMS * sizeof(double)];
    while (count > 0) {
        size_t chunk = count < CHUNK_ITEMS ? count : CHUNK_ITEMS;
        if (fread(raw, npy->item_size, chunk, npy->stream) != chunk)
            return diag_errno(diag, EIO, "%s: %zu items before the end", npy->path, npy->left);
        convert(npy->kind, npy->item_size, raw, chunk, ret_values);
        npy->left -= chunk;
        ret_values += chunk;
        count -= chunk;
    }
    return 0;
}

/* Returns the bytes used, 0 for what is no character. */
static size_t encode_utf8(uint32_t c, char *ret_bytes)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    if (c < 0x80) {
        ret_bytes[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        ret_bytes[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    ret_bytes[0] = (char)(lead[length] | c);
    return length;
}

static char *decode_item(const uint32_t *characters, size_t count)
{
    char *text = malloc(4 * count + 1);
    if (!text)
        return NULL;
    size_t used = 0;
    while (count > 0 && characters[count - 1] == 0) /* padding */
        count--;
    for (size_t i = 0; i < count; i++) {
        size_t length = encode_utf8(characters[i], text + used);
        if (length == 0) {
            text[used++] = '?';
            continue;
        }
        used += length;
    }
    text[used] = '\0';
    return text;
}

static void free_strings(char **strings, size_t count)
{
    for (size_t i = 0; strings && i < count; i++)
        free(strings[i]);
    free(strings);
}

int npy_read_strings(struct npy *npy, char ***ret_strings, size_t *ret_count, struct diag *diag)
{
    if (npy->kind != 'U' || npy->dimensions != 1)
        return diag_set(diag,
                        "%s: names must be a one-dimensional array of strings: "
                        "np.save(path, np.array(names, dtype=str))",
                        npy->path);
    size_t count = npy->left;
    char **strings = calloc(count ? count : 1, sizeof *strings);
    uint32_t *item = malloc(npy->item_size);
    int r = strings && item ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (fread(item, npy->item_size, 1, npy->stream) != 1)
            r = -EIO;
        else if (!(strings[i] = decode_item(item, npy->item_size / 4)))
            r = -ENOMEM;
    }
    free(item);
    if (r < 0) {
        free_strings(strings, count);
        return diag_errno(diag, r, "%s", npy->path);
    }
    npy->left = 0;
    *ret_strings = strings;
    *ret_count = count;
    return 0;
}
