/*
 * style: the style sheet of a report.
 *
 * Series colours follow Okabe and Ito (2008), darkened for light and lightened for dark pages until
 * each has a contrast of at least 3:1 with the page; text has 4.5:1 or more.
 */
#ifndef ARMWATCH_REPORT_STYLE_H
#define ARMWATCH_REPORT_STYLE_H

extern const char style_sheet[];

#endif
