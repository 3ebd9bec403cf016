// A component that the chat's front end may show; it needs no bundler.
const { jsx } = require("react/jsx-runtime");

exports.note = ({ text }) => jsx("p", { className: "note", children: text });
