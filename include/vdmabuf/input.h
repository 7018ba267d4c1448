/* SPDX-License-Identifier: MIT */
/*
 * What a user does in a window: keys, buttons, the pointer, the wheel, fingers.
 * <vdmabuf/consumer.h> sends it to the windows of apps, and windows of
 * <vdmabuf/producer.h> get it.
 *
 * Nothing reaches a window that has not the focus, and one program at a time has
 * that of a window: whoever sent VDMABUF_INPUT_FOCUS with value 1 last. When it
 * gives the focus up, detaches, or dies, all that is pressed and touches is
 * released in the app, by whoever stands behind it.
 */
#ifndef VDMABUF_INPUT_H
#define VDMABUF_INPUT_H

#include <vdmabuf/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VDMABUF_INPUT_PIXEL 256 /* units of a pixel, in x and y of pointer and fingers */
#define VDMABUF_INPUT_CLICK 120 /* units of a click of a wheel, as REL_WHEEL_HI_RES has them */
#define VDMABUF_INPUT_MAX_FINGERS 16

/* Fields that a kind does not name are 0. */
enum vdmabuf_input_kind {
    VDMABUF_INPUT_FOCUS = 1,       /* value 1: the window has it from now on; 0: not any more */
    VDMABUF_INPUT_RELEASE_ALL = 2, /* nothing is pressed, nothing touches */
    /*
     * code: KEY_* of <linux/input-event-codes.h>, 1 .. 255, of the key's place on the keyboard (the
     * layout is the guest's); value 1: pressed, 0: released. What a key repeats while it is down,
     * the app's side repeats by itself.
     */
    VDMABUF_INPUT_KEY = 3,
    VDMABUF_INPUT_BUTTON = 4, /* code: BTN_LEFT .. BTN_TASK (0x110 .. 0x117); value likewise */
    /* The pointer is at x, y: 0 .. width (height) * 256 - 1, of the window that is named with it.
     */
    VDMABUF_INPUT_MOTION = 5,
    VDMABUF_INPUT_RELATIVE = 6,      /* the pointer moved by x, y: at most 32768 pixels */
    VDMABUF_INPUT_WHEEL = 7,         /* x to the right, y away from the user: at most 1000 clicks */
    VDMABUF_INPUT_TOUCH_DOWN = 8,    /* code: the finger, 0 .. 15; x, y as of MOTION */
    VDMABUF_INPUT_TOUCH_MOTION = 9,  /* likewise */
    VDMABUF_INPUT_TOUCH_UP = 10,     /* code: the finger */
    VDMABUF_INPUT_TOUCH_CANCEL = 11, /* no finger has ever been there */
};

/* One of them. Never changes: arrays of it are handed over. */
struct vdmabuf_input_event {
    uint16_t kind; /* enum vdmabuf_input_kind */
    uint16_t code;
    int32_t value;
    int32_t x;
    int32_t y;
};

#ifdef __cplusplus
}
#endif

#endif /* VDMABUF_INPUT_H */
