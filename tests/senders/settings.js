// Node-RED for a test: without its editor and its HTTP interface, so that it listens nowhere; it keeps nothing.
module.exports = {
    httpAdminRoot: false,
    httpNodeRoot: false,
    uiHost: '127.0.0.1',
    disableEditor: true,
    readOnly: true,
    credentialSecret: false,
    telemetry: {enabled: false, updateNotification: false},
    externalModules: {palette: {allowInstall: false, allowUpload: false}, modules: {allowInstall: false}},
    functionExternalModules: false,
    logging: {console: {level: 'info', metrics: false, audit: false}},
};
