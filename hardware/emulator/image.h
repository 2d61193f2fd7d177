/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An Intel HEX file (records 0 to 5) as the contents of a flash memory. */
#ifndef BSD_IMAGE_H
#define BSD_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum { IMAGE_BYTES = 0x8000, IMAGE_BOOT = 0x7E00 };

typedef struct image {
    uint8_t flash[IMAGE_BYTES]; /* 0xFF where nothing was loaded */
    uint32_t start;             /* IMAGE_BOOT where the file holds a bootloader, else 0 */
} image_t;

/* 0, or -1 and one line in `error` that names the file and the line. */
int image_load(image_t *image, const char *path, char *error, size_t error_size);

#endif
