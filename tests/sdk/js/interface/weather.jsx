// A component as a project writes one.
import { useStreamContext } from "@langchain/langgraph-sdk/react-ui";
import "./weather.css";

function Weather({ city }) {
  useStreamContext();
  return <p className="weather">{city}</p>;
}

export default { weather: Weather };
