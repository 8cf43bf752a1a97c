#include "daemon/wrong.h"
#include "missing.h"

#include <cblas.h>
#include <stdio.h>
#include <unheard_of.h>

/* XXX it is wrong on purpose. */
