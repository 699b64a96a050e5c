// With the OpenAI package: only the address is another one.
import OpenAI from "openai";

const question = process.argv[2] ?? "Name one tall mountain.";
const client = new OpenAI({
  baseURL: process.env.STEPWELL_DOOR ?? "http://127.0.0.1:8080/v1",
  apiKey: process.env.STEPWELL_KEY ?? "none",
});
const messages = [{ role: "user", content: question }];

const answer = await client.chat.completions.create({ model: "auto", messages });
console.log(answer.choices[0].message.content);

let text = "";
for await (const piece of await client.chat.completions.create({ model: "auto", messages, stream: true })) {
  text += piece.choices[0]?.delta?.content ?? "";
}
console.log(text);
