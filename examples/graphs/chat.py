"""A chat with a history; its model streams words and needs no key."""

from langgraph.graph import START, MessagesState, StateGraph

from graphs.words import WordModel

model = WordModel()


async def answer(state: MessagesState) -> MessagesState:
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = (
    StateGraph(MessagesState)
    .add_node("answer", answer)
    .add_edge(START, "answer")
    .compile(name="chat")
)
