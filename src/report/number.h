/*
 * number: numbers as a reader of a report wants them: as many digits as mean something, a true
 * minus, and an en dash where nothing was measured.
 */
#ifndef ARMWATCH_REPORT_NUMBER_H
#define ARMWATCH_REPORT_NUMBER_H

struct number_text {
    char text[64];
};

#define NUMBER_NONE "\u2013"

struct number_text number_share(double value);  /* 0 to 1: "0.943" */
struct number_text number_count(double value);  /* a whole number: "143 984", narrow spaces */
struct number_text number_given(double value);  /* as somebody chose it: "1", "0.25" */
struct number_text number_plain(double value);  /* three significant digits: "8.28", "0.0064" */
struct number_text number_signed(double value); /* a difference: "+0.012", "−0.000021" */
/* Seconds as "4.2 s", "3.5 min", "2.9 h". */
struct number_text number_duration(double seconds);
/* "[0.931, 0.955]", each end by `one`; "" if an end is unknown. */
struct number_text number_interval(double low, double high, struct number_text (*one)(double));

#endif
