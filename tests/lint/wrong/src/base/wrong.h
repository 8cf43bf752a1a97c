struct wrong {
    uint32_t nobody_said_what_this_is;
};
