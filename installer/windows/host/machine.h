/*
 * What policies ask of a machine, read by Windows' own functions in one go and printed as JSON in UTF-8. What Windows does not tell is null.
 *
 *   {"power":{"line":1,"flags":8,"percent":80},          SYSTEM_POWER_STATUS
 *    "cost":1,                                           NLM_CONNECTION_COST of the way out
 *    "adapters":[{"id":"{...}","name":"Ethernet","description":"...","type":6,"dnsSuffix":"corp.example","isWayOut":true}],
 *    "domainSid":"S-1-5-21-...",                         of the domain that it is a member of
 *    "uuid":"4c4c4544-...",                              of the firmware
 *    "netlogon":[...],"tcpip":[...],"entra":[...]}       keys as `registry` prints them
 */
#pragma once

int machine(void);
