#include "lab/training_json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double number_at(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item))
        fail_msg("%s is no number", key);
    return item->valuedouble;
}

static const char *text_at(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsString(item))
        fail_msg("%s is no text", key);
    return item->valuestring;
}

static struct fit_report report_of(struct train_epoch *epochs, size_t count)
{
    return (struct fit_report){
        .training_windows = 100,
        .held_out_windows = 10,
        .result = {.epochs = epochs,
                   .epoch_count = count,
                   .best_epoch = 1,
                   .best_loss = 0.5,
                   .twin_best_loss = 0.4},
    };
}

static void every_epoch_is_listed(void **state)
{
    struct train_epoch epochs[3] = {
        {.loss = 0.123456789, .held_out_loss = 0.2},
        {.loss = 1e-7 / 3,
         .gradient_norm = 12345.678,
         .twin_held_out_loss = 0.4,
         .influence = 0.25,
         .adversary = {.auc = 0.87654321, .reported_accuracy = 0.5, .gradient_norm_real = 3},
         .state = ADVERSARY_HEALTHY},
        {.state = ADVERSARY_DEAD},
    };
    struct fit_options options = fit_defaults(ADVERSARY_STABLE);
    struct fit_report report = report_of(epochs, 3);
    cJSON *training = training_json(&options, &report);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(training, "epochs");
    assert_int_equal(cJSON_GetArraySize(list), 3);
    const cJSON *first = list->child, *second = first->next;
    /* Four digits are kept, whatever the size. */
    assert_true(number_at(first, "loss") == 0.1235);
    assert_true(number_at(second, "loss") == 3.333e-8);
    assert_true(number_at(second, "gradient_norm") == 12350);
    assert_true(number_at(second, "auc") == 0.8765);
    assert_true(number_at(second, "twin_held_out_loss") == 0.4);
    assert_true(number_at(second, "influence") == 0.25);
    assert_true(number_at(second, "reported_accuracy") == 0.5);
    assert_true(number_at(second, "discriminator_gradient_norm_real") == 3);
    assert_string_equal(text_at(second, "state"), "healthy");
    assert_string_equal(text_at(second->next, "state"), "dead");
    assert_true(number_at(training, "best_epoch") == 2);

    const cJSON *discriminator = cJSON_GetObjectItemCaseSensitive(training, "discriminator");
    assert_true(number_at(discriminator, "auc") == 0.87654321); /* of the epoch kept, whole */
    assert_true(fabs(number_at(discriminator, "loss_to_twin") - 1.25) < 1e-12);
    const cJSON *settings = cJSON_GetObjectItemCaseSensitive(discriminator, "settings");
    assert_string_equal(text_at(settings, "hidden"), "256,128,64");
    assert_string_equal(text_at(settings, "norm"), "none");
    assert_true(number_at(settings, "gamma") == 20);
    cJSON_Delete(training);
}

static void without_an_adversary_nothing_is_said_of_one(void **state)
{
    struct train_epoch epochs[2] = {{.loss = 1}, {.loss = 0.5}};
    struct fit_options options = fit_defaults(ADVERSARY_NONE);
    struct fit_report report = report_of(epochs, 2);
    cJSON *training = training_json(&options, &report);
    assert_null(cJSON_GetObjectItemCaseSensitive(training, "discriminator"));
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(training, "epochs");
    assert_int_equal(cJSON_GetArraySize(list), 2);
    assert_null(cJSON_GetObjectItemCaseSensitive(list->child, "auc"));
    assert_null(cJSON_GetObjectItemCaseSensitive(list->child, "state"));
    assert_string_equal(text_at(training, "schedule"), "cosine");
    cJSON_Delete(training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_epoch_is_listed),
        cmocka_unit_test(without_an_adversary_nothing_is_said_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
