#include "simdjson_peer.h"


#include <simdjson.h>

static_assert(SIMDJSON_PEER_PADDING >= simdjson::SIMDJSON_PADDING, "text is padded");

const char *const simdjson_peer_version = SIMDJSON_STRINGIFY(SIMDJSON_VERSION);

static volatile uint64_t sink;

bool simdjson_peer_read(const char *text, size_t size, size_t count, float *ret_values)
{
    static simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    if (parser.iterate(text, size, size + SIMDJSON_PEER_PADDING).get(document))
        return false;
    std::string_view time;
    uint64_t seq;
    simdjson::ondemand::array values;
    if (document["time"].get_string().get(time) || document["seq"].get_uint64().get(seq) ||
        document["values"].get_array().get(values))
        return false;
    sink = seq + time.size();
    size_t n = 0;
    for (auto item : values) {
        double value;
        if (n == count || item.get_double().get(value))
            return false;
        ret_values[n++] = static_cast<float>(value);
    }
    return n == count;
}
