/*
 * node_red_bytes: what Node-RED 4.1.15 publishes for each type of a message's payload, captured
 * from tests/senders/flow.json; the test `node_red` holds a running Node-RED to it.
 */
#ifndef ARMWATCH_TESTS_NODE_RED_BYTES_H
#define ARMWATCH_TESTS_NODE_RED_BYTES_H

static const struct node_red_bytes {
    const char *type, *bytes;
} node_red_bytes[] = {
    {"number", "12.5"},
    {"whole", "3"},
    {"small", "1e-7"},
    {"large", "1e+21"},
    {"nan", "NaN"},
    {"infinite", "Infinity"},
    {"true", "true"},
    {"false", "false"},
    {"word", "AUT"},
    {"text", "12,5"},
    {"nothing", ""},
    {"object", "{\"axis1\":1.5,\"mode\":\"AUT\",\"brake\":false,\"none\":null,\"nan\":null}"},
    {"array", "[1,\"T1\",true]"},
    {"date", "\"2026-01-01T00:00:00.123Z\""},
    {"buffer", "12.5"},
};

/* A row of the flow's kuka2. */
#define NODE_RED_ROW                                                                               \
    "{\"time\":1767225600100,\"mode\":\"AUT\",\"axes\":{\"axis1\":0.24888081689112312,\"axis2\":"  \
    "1.2471853862848095,\"axis3\":0.39254511074739357,\"axis4\":0.03543215199672489}}"

/* A period of config/sources/kuka-rsi-flow.json, by frames that said the same all the time. */
#define NODE_RED_RSI "{\"time\":1795669560400,\"cycles\":21," NODE_RED_RSI_AXES "}"
#define NODE_RED_RSI_AXES                                                                          \
    "\"AIPos_A1\":1.5,\"AIPos_A2\":-90,\"AIPos_A3\":90.25,\"AIPos_A4\":0,\"AIPos_A5\":45.5,"       \
    "\"AIPos_A6\":-7.125,\"MACur_A1\":0.5,\"MACur_A2\":-1.25,\"MACur_A3\":2,\"MACur_A4\":0,"       \
    "\"MACur_A5\":0.125,\"MACur_A6\":-0.25"
/* The frame. */
#define NODE_RED_RSI_FRAME                                                                         \
    "<Rob Type=\"KUKA\">\r\n<RIst X=\"540.4\" Y=\"0.0\" Z=\"915.0\" A=\"180.0\" B=\"0.0\" "        \
    "C=\"180.0\"/>\r\n<AIPos A1=\"1.5\" A2=\"-90.0\" A3=\"90.25\" A4=\"0.0\" A5=\"45.5\" "         \
    "A6=\"-7.125\"/>\r\n<MACur A1=\"0.5\" A2=\"-1.25\" A3=\"2\" A4=\"0\" A5=\"0.125\" "            \
    "A6=\"-0.25\"/>\r\n<Delay D=\"0\"/>\r\n<IPOC>123645634</IPOC>\r\n</Rob>"

#endif
