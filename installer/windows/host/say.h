/*
 * What the program says to people: on stderr, with what the system says about the error behind it, and to the event log.
 * Never a ticket, never a value of the environment.
 */
#pragma once
#include <windows.h>

/* "starling-service: <sentence>: <the system's words> (error 5)". With error 0 only the sentence. Gives 1 back, which commands end with. */
int say_failed(DWORD error, const wchar_t *format, ...);

/* A line on stderr. */
void say(const wchar_t *format, ...);

/* What is said from now on is an entry of Event Viewer as well: Windows Installer shows nobody what a program says on stderr. */
void say_to_events_too(const wchar_t *source, const wchar_t *about);

/* The system's words for an error, without the line's end. */
wchar_t *say_system_words(DWORD error);

/* An entry of Event Viewer; its text is in messages.mc, with up to two texts of ours. */
void say_event(const wchar_t *source, DWORD message, const wchar_t *first, const wchar_t *second);
