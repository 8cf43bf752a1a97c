/*
 * shipped: the files of config/mosquitto, adapted as an administrator has to. Both end the test
 * where something is not as it should be.
 */
#ifndef ARMWATCH_TESTS_SHIPPED_H
#define ARMWATCH_TESTS_SHIPPED_H

/* Memory: the caller frees it. */
char *shipped_read(const char *name);

/* The text with every `from` replaced, which must be there; the old text is freed. */
char *shipped_replace(char *text, const char *from, const char *to);

#endif
