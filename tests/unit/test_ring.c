#include "base/ring.h"
#include "base/rng.h"
#include "fixture.h"

#include <pthread.h>

static void put(struct ring *ring, size_t size, unsigned char value)
{
    unsigned char *record = ring_reserve(ring, size);
    assert_non_null(record);
    assert_int_equal((uintptr_t)record % 8, 0);
    memset(record, value, size);
    ring_commit(ring);
}

static void expect(struct ring *ring, size_t size, unsigned char value)
{
    size_t found = SIZE_MAX;
    const unsigned char *record = ring_read(ring, &found);
    assert_non_null(record);
    assert_int_equal(found, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(record[i], value);
}

static void test_empty_and_order(void **state)
{
    struct ring ring;
    assert_int_equal(ring_init(&ring, 100), 0);
    assert_int_equal(ring.capacity, 128);
    assert_null(ring_read(&ring, NULL));
    put(&ring, 0, 0);
    put(&ring, 1, 1);
    put(&ring, 9, 2);
    expect(&ring, 0, 0);
    expect(&ring, 1, 1);
    expect(&ring, 9, 2);
    assert_null(ring_read(&ring, NULL));
    ring_release(&ring);
    assert_int_equal(ring_used(&ring), 0);
    ring_deinit(&ring);
}

static void test_reserved_is_not_seen_before_commit(void **state)
{
    struct ring ring;
    assert_int_equal(ring_init(&ring, 128), 0);
    assert_non_null(ring_reserve(&ring, 8));
    assert_null(ring_read(&ring, NULL));
    assert_int_equal(ring_used(&ring), 0);
    ring_commit(&ring);
    assert_non_null(ring_read(&ring, NULL));
    ring_deinit(&ring);
}

/* A quarter of 128 bytes: header and 24 bytes. Four fill the ring to the last byte. */
static void test_full_refuses_until_released(void **state)
{
    struct ring ring;
    assert_int_equal(ring_init(&ring, 128), 0);
    for (unsigned char i = 0; i < 4; i++)
        put(&ring, 24, i);
    assert_int_equal(ring_used(&ring), 128);
    assert_null(ring_reserve(&ring, 0));
    expect(&ring, 24, 0);
    assert_null(ring_reserve(&ring, 24)); /* read, but not released */
    ring_release(&ring);
    put(&ring, 24, 4);
    assert_null(ring_reserve(&ring, 0));
    for (unsigned char i = 1; i < 5; i++)
        expect(&ring, 24, i);
    ring_release(&ring);
    ring_deinit(&ring);
}

/* 3 x 32 bytes and 16 leave 16 at the end: a record of 32 goes to the start, behind a skip. */
static void test_a_record_that_would_cross_the_end_goes_to_the_start(void **state)
{
    struct ring ring;
    assert_int_equal(ring_init(&ring, 128), 0);
    for (unsigned char i = 0; i < 3; i++)
        put(&ring, 24, i);
    put(&ring, 8, 3);
    assert_null(ring_reserve(&ring, 24));
    expect(&ring, 24, 0);
    ring_release(&ring);
    unsigned char *record = ring_reserve(&ring, 24);
    assert_ptr_equal(record, ring.data + 8);
    memset(record, 9, 24);
    ring_commit(&ring);
    assert_int_equal(ring_used(&ring), 128); /* the skipped bytes count */
    expect(&ring, 24, 1);
    expect(&ring, 24, 2);
    expect(&ring, 8, 3);
    expect(&ring, 24, 9);
    ring_release(&ring);
    assert_int_equal(ring_used(&ring), 0);
    ring_deinit(&ring);
}

static void test_random_records_keep_order_and_content(void **state)
{
    struct ring ring;
    struct rng rng;
    assert_int_equal(ring_init(&ring, 1024), 0);
    rng_init(&rng, 1);
    size_t sizes[4096], written = 0, read = 0, refused = 0;
    while (read < 4096) {
        size_t size = rng_below(&rng, 200);
        bool write = written < 4096 && rng_below(&rng, 2) == 0;
        unsigned char *record = write ? ring_reserve(&ring, size) : NULL;
        refused += write && !record;
        if (record) {
            memset(record, (int)(written & 0xff), size);
            ring_commit(&ring);
            sizes[written++] = size;
        } else if (read < written) {
            expect(&ring, sizes[read], (unsigned char)(read & 0xff));
            read++;
            if (rng_below(&rng, 3) == 0)
                ring_release(&ring);
        } else {
            ring_release(&ring);
        }
    }
    assert_true(refused > 0);
    ring_release(&ring);
    assert_int_equal(ring_used(&ring), 0);
    ring_deinit(&ring);
}

#define STRESS_RECORDS 200000

static void *produce(void *argument)
{
    struct ring *ring = argument;
    struct rng rng;
    rng_init(&rng, 7);
    for (uint64_t i = 0; i < STRESS_RECORDS;) {
        size_t words = 1 + rng_below(&rng, 12);
        uint64_t *record;
        while (!(record = ring_reserve(ring, words * sizeof *record)))
            sched_yield();
        for (size_t w = 0; w < words; w++)
            record[w] = i;
        ring_commit(ring);
        i++;
    }
    return NULL;
}

static void test_two_threads(void **state)
{
    struct ring ring;
    assert_int_equal(ring_init(&ring, 1024), 0);
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, &ring), 0);
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < STRESS_RECORDS;) {
        size_t size;
        const uint64_t *record = ring_read(&ring, &size);
        if (!record) {
            ring_release(&ring);
            sched_yield();
            continue;
        }
        wrong += size == 0 || size % sizeof *record != 0;
        for (size_t w = 0; w < size / sizeof *record; w++)
            wrong += record[w] != i;
        if (i % 3 == 0)
            ring_release(&ring);
        i++;
    }
    pthread_join(producer, NULL);
    assert_int_equal(wrong, 0);
    assert_null(ring_read(&ring, NULL));
    ring_deinit(&ring);
}

/* However much goes through a ring, only as much of it is touched as ever waited at once. */
static void test_an_empty_ring_goes_on_at_its_beginning(void **state)
{
    struct ring ring;
    assert_int_equal(ring_init(&ring, (size_t)8 << 20), 0);
    size_t farthest = 0;
    for (size_t n = 0; n < 20000; n++) {
        put(&ring, 1000, (unsigned char)n);
        put(&ring, 8, (unsigned char)~n);
        expect(&ring, 1000, (unsigned char)n);
        size_t found;
        const unsigned char *record = ring_read(&ring, &found);
        assert_int_equal(*record, (unsigned char)~n);
        size_t offset = (size_t)(record - ring.data);
        farthest = offset > farthest ? offset : farthest;
        ring_release(&ring);
    }
    assert_in_range(farthest, 32 << 10, 128 << 10);
    ring_deinit(&ring);
}

/* What waits stays where it is, however far the ring has come. */
static void test_a_ring_that_is_not_empty_goes_on(void **state)
{
    struct ring ring;
    assert_int_equal(ring_init(&ring, (size_t)1 << 20), 0);
    put(&ring, 1000, 0);
    for (size_t n = 1; n < 5000; n++) {
        put(&ring, 1000, (unsigned char)n);
        expect(&ring, 1000, (unsigned char)(n - 1));
        ring_release(&ring);
    }
    expect(&ring, 1000, (unsigned char)4999);
    ring_deinit(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_and_order),
        cmocka_unit_test(test_reserved_is_not_seen_before_commit),
        cmocka_unit_test(test_full_refuses_until_released),
        cmocka_unit_test(test_a_record_that_would_cross_the_end_goes_to_the_start),
        cmocka_unit_test(test_random_records_keep_order_and_content),
        cmocka_unit_test(test_an_empty_ring_goes_on_at_its_beginning),
        cmocka_unit_test(test_a_ring_that_is_not_empty_goes_on),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
