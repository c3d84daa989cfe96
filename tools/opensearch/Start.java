import java.nio.file.Path;
import java.util.Map;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;

/** Runs one node until SIGTERM: a folder with plugins, and a folder with the configuration. */
public class Start {
    public static void main(String[] folders) throws Exception {
        Settings home = Settings.builder().put("path.home", folders[0]).build();
        Path config = Path.of(folders[1]);
        LogConfigurator.setNodeName("opensearch");
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            home, Map.of(), config, () -> "opensearch");
        LogConfigurator.configure(environment);
        Node node = new Node(environment);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception failure) {
                failure.printStackTrace();
            }
        }));
        node.start();
        Thread.currentThread().join();
    }
}
