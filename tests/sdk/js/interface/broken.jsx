export default { broken: <p>never closed
